import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Fastify from 'fastify'
import { onTestFinished } from 'vitest'
import { controlApi } from '../src/http/control-api.ts'
import { startWechat } from '../src/http/start-wechat.ts'
import { createWorld, DEMO_APP } from '../src/world.ts'

/** A mini-program that signs in at launch. */
export const SIGN_IN = fileURLToPath(new URL('fixtures/sign-in', import.meta.url))

/** A service that exchanges codes with an emulated WeChat over TCP, with the emulator mounted beside it. */
export async function startService(apps = [DEMO_APP]) {
  const world = createWorld({ apps })
  const wechat = await startWechat(world)
  const service = Fastify()
  service.register(controlApi, { prefix: '/emulator', world })
  service.post('/v1/sessions', async (request, reply) => {
    const { code } = request.body as { code: string }
    const query = new URLSearchParams({ ...app, js_code: code, grant_type: 'authorization_code' })
    const answer = (await (await fetch(`${wechat.baseUrl}/sns/jscode2session?${query}`)).json()) as { openid?: string }
    return answer.openid ? reply.code(201).send({ token: 'a' }) : reply.code(400).send({ code: 'code_invalid' })
  })
  service.get('/for-ever', () => new Promise(() => {}))
  const app = { appid: DEMO_APP.appid, secret: DEMO_APP.secret }
  const url = await service.listen({ host: '127.0.0.1', port: 0 })
  onTestFinished(async () => {
    service.server.closeAllConnections()
    await Promise.all([service.close(), wechat.close()])
  })
  return { world, url }
}

/** The sign-in fixture with some files replaced; null removes one. */
export function appWith(files: Record<string, string | null>): string {
  const folder = mkdtempSync(join(tmpdir(), 'weapp-emulator-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  cpSync(SIGN_IN, folder, { recursive: true })
  for (const [path, text] of Object.entries(files)) {
    if (text === null) rmSync(join(folder, path))
    else writeFileSync(join(folder, path), text)
  }
  return folder
}
