import { expect, test } from 'vitest'
import { startWechat } from '../../src/http/start-wechat.ts'
import { createWorld } from '../../src/world.ts'
import { createApi } from './api.ts'

test.each([
  ['GET', '/sns/userinfo', 40066],
  ['GET', '/cgi-bin/user/info', 40066],
  ['POST', '/wxa/unknown/deep/path', 40066],
  ['POST', '/wxaapi/anything', 40066],
  ['GET', '/cgi-bin/stable_token', 43002],
  ['POST', '/sns/jscode2session', 43001],
] as const)('%s %s is answered in WeChat’s shape, without a word of what was sent', async (method, path, errcode) => {
  const { app, world } = createApi()
  const response = await app.inject({
    method,
    url: `${path}?secret=canary-in-the-query`,
    ...(method === 'POST' && { payload: { secret: 'canary-in-the-body' } }),
  })
  expect(response.statusCode).toBe(200)
  expect(response.headers['content-type']).toContain('text/plain')
  expect(response.json()).toEqual({ errcode, errmsg: expect.stringMatching(/^[\w ]+, rid: [\da-f-]+$/) })
  expect(response.body + JSON.stringify(response.headers)).not.toContain('canary')
  expect(JSON.stringify(world.ledger.entries())).not.toContain('canary')
  expect(world.ledger.count('unknown', { path, errcode })).toBe(1)
})

test('on a server of its own WeChat answers every address, also one like no other of its addresses', async () => {
  const world = createWorld()
  const server = await startWechat(world)
  try {
    const response = await fetch(`${server.baseUrl}/?secret=canary`)
    const text = await response.text()
    expect([response.status, JSON.parse(text).errcode]).toEqual([200, 40066])
    expect(text).not.toContain('canary')
  } finally {
    await server.close()
  }
})

test('inside another server other addresses stay that server’s', async () => {
  const { app } = createApi()
  app.get('/hello', () => ({ hello: 'world' }))
  expect((await app.inject('/hello')).json()).toEqual({ hello: 'world' })
  expect((await app.inject('/elsewhere')).statusCode).toBe(404)
})

test('a body is read whatever its content type says', async () => {
  const { app } = createApi()
  for (const type of ['application/x-www-form-urlencoded', 'text/plain', 'application/json; charset=utf-8']) {
    const response = await app.inject({
      method: 'POST',
      url: '/cgi-bin/stable_token',
      headers: { 'content-type': type },
      payload: '{"grant_type":"client_credential"}',
    })
    expect(response.json()).toMatchObject({ errcode: 41002 })
  }
  const broken = await app.inject({ method: 'POST', url: '/cgi-bin/stable_token', payload: '{"half' })
  expect(broken.json()).toMatchObject({ errcode: 47001 })
})
