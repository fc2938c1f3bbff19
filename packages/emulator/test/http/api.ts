import Fastify, { type FastifyInstance } from 'fastify'
import { createClock } from '../../src/clock.ts'
import { wechatApi } from '../../src/http/wechat-api.ts'
import { createWorld, DEMO_APP, type World } from '../../src/world.ts'

export const OTHER_APP = { appid: 'wx1111111111111111', secret: 'the-other-secret' }

function createTwoApps(): World {
  return createWorld({
    apps: [DEMO_APP, OTHER_APP],
    clock: createClock({ startMs: 1_700_000_000_000, running: false }),
  })
}

/** WeChat's HTTP side without a socket, on a clock that stands still, with two mini-programs. */
export function createApi(world: World = createTwoApps()) {
  const app: FastifyInstance = Fastify()
  app.register(wechatApi, { world })

  async function call(
    method: 'GET' | 'POST',
    url: string,
    payload?: object | string,
  ): Promise<Record<string, unknown>> {
    const response = await app.inject({ method, url, ...(payload !== undefined && { payload }) })
    return response.json()
  }

  /** A stable access_token. */
  async function token({ appid, secret } = DEMO_APP as { appid: string; secret: string }): Promise<string> {
    const answer = await call('POST', '/cgi-bin/stable_token', { grant_type: 'client_credential', appid, secret })
    return String(answer.access_token)
  }

  return { world, app, call, token }
}
