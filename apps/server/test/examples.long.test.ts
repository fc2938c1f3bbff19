import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { startDocumentedNginx } from './documented-nginx.ts'
import { EXAMPLE_COMMANDS, EXAMPLES, installNodePackages, startExample } from './example-backends.ts'
import { createAuthOnPhone, startService } from './service.ts'

describe.each(Object.entries(EXAMPLE_COMMANDS))('apps/server/examples/%s', (name, command) => {
  beforeAll(() => {
    if (/express|koa|nestjs/.test(name)) installNodePackages()
  }, 180_000)

  test('the example backend knows the user behind nginx, and refuses requests that did not come through nginx', {
    timeout: 120_000,
  }, async () => {
    const backend = await startExample(name, command)
    const service = await startService('embedded')
    const nginx = await startDocumentedNginx({ service: service.baseUrl, backend })
    const { auth } = createAuthOnPhone({ ...service, baseUrl: nginx.url })
    const { user } = await auth.ensureLogin()
    const appid = service.world.apps[0]?.appid
    const own = { ordersOf: user.id, appid }

    expect((await auth.request({ url: '/api/orders' })).data).toEqual(own)
    // However it is spelled: some languages take `_` for `-`.
    for (const name of ['X-Auth-User-Id', 'X_Auth_User_Id', 'x-auth_user-id']) {
      expect((await auth.request({ url: '/api/orders', header: { [name]: 'bob' } })).data).toEqual(own)
    }
    const refused = await auth.request({ url: '/api/orders', auth: 'none', header: { 'X-Auth-User-Id': user.id } })
    expect(refused).toMatchObject({ statusCode: 401, data: { code: 'session_missing' } })

    await service.app.weappAuth.revokeAll(user.id, { reason: 'admin' })
    await expect(auth.request({ url: '/api/orders' })).rejects.toMatchObject({ code: 'logged_out' })
    expect(service.world.ledger.count('wx.login')).toBe(1)

    const direct = await fetch(`${backend}/api/orders`)
    expect(direct.status).toBe(500)
    expect(await direct.text()).not.toContain('ordersOf')
  })
})

test('both READMEs name every example', () => {
  for (const file of ['README.md', 'README.zh-CN.md']) {
    const readme = readFileSync(join(EXAMPLES, file), 'utf8')
    for (const name of Object.keys(EXAMPLE_COMMANDS)) expect(readme).toContain(`](${name}/`)
  }
})
