import type { FastifyPluginCallback } from 'fastify'
import type { World } from '../world.ts'
import { jscode2session } from './jscode2session.ts'
import { sessionKeyCalls } from './session-key-calls.ts'
import { stableToken } from './stable-token.ts'

/** What answers at `api.weixin.qq.com`: one file per call. */
export const wechatApi: FastifyPluginCallback<{ world: World }> = (app, { world }, done) => {
  jscode2session(app, world)
  stableToken(app, world)
  sessionKeyCalls(app, world)
  done()
}
