import { describe, expect, it } from 'vitest'
import { runExample, SESSION } from './example.ts'

const CREDENTIALS = { name: 'alice', password: 'correct horse' }

// A password takes 0.2 s of a processor, which is what it is for.
describe('the example own-account', () => {
  it('the example own-account signs in by password, into the same sessions and behind the same guard as WeChat', async () => {
    const { post, get, send, codeOf, wechatSignIn } = await runExample('own-account.ts')
    const created = await post('/accounts', CREDENTIALS)
    expect(created).toMatchObject({ status: 201, cacheControl: 'no-store', body: SESSION })
    expect(created.body.user.isNew).toBe(true)
    const login = await post('/accounts/login', CREDENTIALS)
    expect(login).toMatchObject({ status: 201, cacheControl: 'no-store', body: SESSION })
    expect(login.body.user).toEqual({ ...created.body.user, isNew: false })

    const orders = await get('/orders', login.body.token)
    expect(orders.body).toEqual({ ordersOf: created.body.user.id })
    expect((await get('/v1/me', login.body.token)).body.user.id).toBe(created.body.user.id)
    const wechat = await wechatSignIn('bob')
    expect(Object.keys(wechat)).toEqual(Object.keys(login.body))
    expect((await get('/orders', wechat.token)).body).toEqual({ ordersOf: wechat.user.id })

    const linked = await send('POST', '/accounts/wechat', login.body.token, { code: codeOf('alice') })
    expect([linked.status, linked.body]).toEqual([200, { linked: true }])
    expect((await wechatSignIn('alice')).user.id).toBe(created.body.user.id)
    const taken = await send('POST', '/accounts/wechat', login.body.token, { code: codeOf('bob') })
    expect(taken.body).toEqual({ linked: false })

    expect((await send('DELETE', '/v1/sessions?scope=others', login.body.token)).body).toEqual({ revoked: 2 })
    expect((await get('/orders', created.body.token)).body).toMatchObject({ reason: 'signed_out_elsewhere' })
    expect((await get('/orders', wechat.token)).status).toBe(200)
  })

  it('the example own-account answers a wrong password and an unknown name in the same way, and never with a 401', async () => {
    const { post } = await runExample('own-account.ts')
    await post('/accounts', CREDENTIALS)
    const wrong = await post('/accounts/login', { ...CREDENTIALS, password: 'correct hose' })
    const unknown = await post('/accounts/login', { ...CREDENTIALS, name: 'nobody' })
    expect(wrong).toMatchObject({ status: 400, body: { code: 'request_invalid' } })
    expect({ ...unknown.body, requestId: '' }).toEqual({ ...wrong.body, requestId: '' })
    expect(await post('/accounts', CREDENTIALS)).toMatchObject({ status: 400, body: { detail: 'this name is taken' } })
  })

  it('the example own-account asks for the old password before it sets a new one, and ends the other sessions then', async () => {
    const { post, get, send } = await runExample('own-account.ts')
    const { token } = (await post('/accounts', CREDENTIALS)).body
    const wrong = { oldPassword: 'correct hose', password: 'another horse' }
    expect(await send('PUT', '/accounts/password', token, wrong)).toMatchObject({
      status: 400,
      body: { detail: 'the old password is wrong' },
    })
    expect((await send('PUT', '/accounts/password', token, { password: 'another horse' })).status).toBe(400)
    expect((await get('/orders', token)).status).toBe(200)
    const right = { ...wrong, oldPassword: CREDENTIALS.password }
    const changed = await send('PUT', '/accounts/password', token, right)
    expect(changed).toMatchObject({ status: 200, body: SESSION })
    expect((await get('/orders', token)).body).toMatchObject({ code: 'session_revoked' })
    expect((await get('/orders', changed.body.token)).status).toBe(200)
    expect((await post('/accounts/login', CREDENTIALS)).status).toBe(400)
    expect((await post('/accounts/login', { ...CREDENTIALS, password: 'another horse' })).status).toBe(201)
  })
})
