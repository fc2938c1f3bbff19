import { expect, test, vi } from 'vitest'
import { call, signIn, startProcess } from './process.ts'
import { type Column, environment } from './service.ts'

export const EMULATOR = { WECHAT_EMULATOR: 'on' }

/** What the service does as a process, on the stores of one column. */
export function serviceProcess(column: Column): void {
  test('SIGKILL and a new start keep users and sessions', async () => {
    const env = { ...(await environment(column)), ...EMULATOR }
    const first = startProcess(env)
    const { token, userId } = await signIn(await first.address, 'alice')
    await call(`${await first.address}/v1/me/profile`, { method: 'POST', token, body: { nickname: '小明' } })
    first.child.kill('SIGKILL')
    await first.ended

    const second = startProcess(env)
    const { status, data } = await call(`${await second.address}/v1/me`, { token })
    expect({ status, ...data.user }).toMatchObject({ status: 200, id: userId, profile: { nickname: '小明' } })
    expect((await signIn(await second.address, 'alice')).userId).toBe(userId)
  })

  test('a signed-out token is refused, no token has another code, and SIGTERM ends it with exit code 0', async () => {
    const service = startProcess({ ...(await environment(column)), ...EMULATOR })
    const address = await service.address
    const { token } = await signIn(address, 'alice')
    expect(await call(`${address}/v1/me`)).toMatchObject({ status: 401, data: { code: 'session_missing' } })
    expect((await call(`${address}/v1/session`, { method: 'DELETE', token })).status).toBe(204)
    expect(await call(`${address}/v1/me`, { token })).toMatchObject({
      status: 401,
      data: { code: 'session_revoked', reason: 'signed_out' },
    })
    service.child.kill('SIGTERM')
    expect(await service.ended).toBe(0)
  })

  test('a sign-in under way at SIGTERM is answered 201, because the stores close after it', async () => {
    const service = startProcess({ ...(await environment(column)), ...EMULATOR })
    const address = await service.address
    await call(`${address}/emulator/faults`, { body: { point: 'jscode2session', delayMs: 1_500 } })
    const { data: login } = await call(`${address}/emulator/wx-login`, { body: { user: 'alice' } })
    const signedIn = call(`${address}/v1/sessions`, { body: login })
    // The service has the request, and WeChat's answer is not there yet.
    await vi.waitFor(() => expect(service.output()).toContain('/v1/sessions'))
    service.child.kill('SIGTERM')
    expect(await signedIn).toMatchObject({ status: 201, data: { tokenType: 'Bearer' } })
    expect(await service.ended).toBe(0)
  })

  test('nothing it prints holds a secret, at the most talkative log level', async () => {
    const env: Record<string, string> = { ...(await environment(column)), ...EMULATOR, LOG_LEVEL: 'trace' }
    const service = startProcess(env)
    const address = await service.address
    const { code, token } = await signIn(address, 'alice')
    await call(`${address}/v1/me`, { token })
    await call(`${address}/v1/sessions`, { body: { appid: 'wx0000000000000000', code } })
    await call(`${address}/v1/sessions`, { body: `{ "appid": "wx0000000000000000", "code": "${code}` })
    await call(`${address}/v1/sessions`, { body: { appid: 'wx0000000000000000', code: `${code}&appid=x` } })
    await call(`${address}/v1/me?access_token=${token}`, { token: `${token}x` })
    await call(`${address}/products`, { token })
    service.child.kill('SIGTERM')
    await service.ended

    expect(service.output()).toContain('/v1/sessions')
    const secrets = [code, token, 'emulator-only-not-a-secret', env.SESSION_KEY_KEYS?.slice(3)].filter(Boolean)
    for (const secret of secrets as string[]) {
      for (const form of [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64url').slice(0, 40)]) {
        expect(service.output()).not.toContain(form)
      }
    }
  })
}
