import { describe, expect, test } from 'vitest'
import { readMiniCode } from '../../src/mini-code.ts'
import { createWorld, DEMO_APP } from '../../src/world.ts'
import { createManualPhone } from '../manual-phone.ts'
import { createApi, OTHER_APP } from './api.ts'

const { appid } = DEMO_APP

async function createContent() {
  const api = createApi()
  const access_token = await api.token()
  const post = (path: string, body: object, token = access_token) =>
    api.call('POST', `${path}?access_token=${token}`, body)
  api.world.login('alice', appid)
  return { ...api, post, access_token, openid: api.world.openid('alice', appid) }
}

describe('msg_sec_check', () => {
  const RISKY = '特3456书yuuo莞6543李zxcz蒜7782法fgnv级'

  async function createCheck() {
    const content = await createContent()
    const text = { content: 'hello', version: 2, scene: 1, openid: content.openid }
    return { ...content, check: (more: object = {}) => content.post('/wxa/msg_sec_check', { ...text, ...more }) }
  }

  test('a text passes, the sample of WeChat’s page is risky, and a test decides about words', async () => {
    const { world, check } = await createCheck()
    const { result, trace_id, errcode } = await check()
    expect([result, trace_id, errcode]).toEqual([{ suggest: 'pass', label: 100 }, expect.any(String), 0])
    expect((await check({ content: `x${RISKY}x` })).result).toEqual({ suggest: 'risky', label: 20006 })
    world.contentCheck.judge('lottery', 'review', 20008)
    expect((await check({ content: 'a lottery' })).result).toEqual({ suggest: 'review', label: 20008 })
    world.contentCheck.judge('lottery', 'pass')
    expect((await check({ content: 'a lottery' })).result).toMatchObject({ suggest: 'pass' })
  })

  test('msg_sec_check without a version is the older check, which answers with an errcode', async () => {
    const { post } = await createCheck()
    expect(await post('/wxa/msg_sec_check', { content: 'hello' })).toMatchObject({ errcode: 0, errmsg: 'ok' })
    expect(await post('/wxa/msg_sec_check', { content: RISKY })).toMatchObject({ errcode: 87014 })
  })

  test.each([
    [{ content: undefined }, 47001],
    [{ content: 'x'.repeat(2_501) }, 45002],
    [{ scene: 9 }, 40129],
    [{ openid: 'nobody' }, 40003],
    [{ openid: undefined }, 40003],
  ])('%o is refused', async (more, errcode) => {
    expect(await (await createCheck()).check(more)).toMatchObject({ errcode })
  })

  test('a user who has not been there for two hours cannot be asked about', async () => {
    const { world, check, post, openid, token } = await createCheck()
    world.advance(2 * 60 * 60_000)
    const later = await token()
    const text = { content: 'hello', version: 2, scene: 1, openid }
    expect(await check()).toMatchObject({ errcode: 42001 })
    expect(await post('/wxa/msg_sec_check', text, later)).toMatchObject({ errcode: 61010 })
    world.login('alice', appid)
    expect(await post('/wxa/msg_sec_check', text, later)).toMatchObject({ errcode: 0 })
  })
})

describe('getwxacodeunlimit', () => {
  async function draw(body: object) {
    const { app, access_token } = await createContent()
    return app.inject({ method: 'POST', url: `/wxa/getwxacodeunlimit?access_token=${access_token}`, payload: body })
  }

  test('the answer is a JPEG that says where it leads', async () => {
    const response = await draw({ scene: 'id=5&from=a', page: 'pages/home/home', width: 280 })
    expect([response.statusCode, response.headers['content-type']]).toEqual([200, 'image/jpeg'])
    const { rawPayload } = response
    expect([rawPayload.subarray(0, 3), rawPayload.subarray(-2)]).toEqual([
      Buffer.from([0xff, 0xd8, 0xff]),
      Buffer.from([0xff, 0xd9]),
    ])
    expect(readMiniCode(rawPayload)).toEqual({ page: 'pages/home/home', scene: 'id=5&from=a' })
    // Its size in pixels stands in the frame header.
    const frame = rawPayload.indexOf(Buffer.from([0xff, 0xc0]))
    expect(rawPayload.readUInt16BE(frame + 5)).toBe(280)
  })

  test('any other picture leads nowhere', () => {
    expect(readMiniCode(Buffer.from([0xff, 0xd8, 0xff, 0xd9]))).toBeNull()
  })

  test.each([
    [{}, 40169],
    [{ scene: 'x'.repeat(33) }, 40169],
    [{ scene: '中文' }, 40169],
    [{ scene: 'a', page: '/pages/home/home' }, 41030],
    [{ scene: 'a', page: 'pages/home/home?id=5' }, 41030],
    [{ scene: 'a', width: 100 }, 40097],
  ])('%o is refused as JSON', async (body, errcode) => {
    const response = await draw(body)
    expect([response.headers['content-type'], response.json().errcode]).toEqual(['text/plain', errcode])
  })

  test('an app that lists its pages refuses others, unless check_path is off', async () => {
    const world = createWorld({ apps: [{ ...DEMO_APP, pages: ['pages/a/a'] }] })
    const { app } = createApi(world)
    const { access_token } = world.token({ grant_type: 'client_credential', appid, secret: DEMO_APP.secret })
    const url = `/wxa/getwxacodeunlimit?access_token=${access_token}`
    const typeOf = async (payload: object) =>
      (await app.inject({ method: 'POST', url, payload })).headers['content-type']
    expect(await typeOf({ scene: 'a', page: 'pages/a/a' })).toBe('image/jpeg')
    expect(await typeOf({ scene: 'a', page: 'pages/b/b' })).toBe('text/plain')
    expect(await typeOf({ scene: 'a', page: 'pages/b/b', check_path: false })).toBe('image/jpeg')
  })
})

describe('subscribe messages', () => {
  const template_id = 'order-ready'
  const data = { thing1: { value: 'Tea' }, number2: { value: 5 } }

  async function createMessages() {
    const content = await createContent()
    const message = { touser: content.openid, template_id, page: 'pages/a/a', data }
    return {
      ...content,
      send: (more: object = {}) => content.post('/cgi-bin/message/subscribe/send', { ...message, ...more }),
    }
  }

  test('each time the user accepts, one message may be sent', async () => {
    const { world, send } = await createMessages()
    expect(await send()).toMatchObject({ errcode: 43101 })
    world.subscriptions.answer('alice', appid, [template_id], true)
    expect(await send()).toEqual({ errcode: 0, errmsg: 'ok', msgid: 1 })
    expect(await send()).toMatchObject({ errcode: 43101 })
    expect(world.subscriptions.received('alice')).toEqual([
      { appid, templateId: template_id, page: 'pages/a/a', data: { thing1: 'Tea', number2: '5' } },
    ])
  })

  test.each([
    [{ touser: 'nobody' }, 40003, 'invalid openid'],
    [{ template_id: '' }, 40037, 'invalid template_id'],
    [{ data: { thing1: { value: '' } } }, 47003, 'data.thing1.value is empty'],
    [{ data: { thing1: { value: 'x'.repeat(21) } } }, 47003, 'data.thing1.value invalid'],
    [{ data: 'text' }, 47003, 'data is empty'],
  ])('%o is refused, and the subscription stays', async (more, errcode, errmsg) => {
    const { world, send } = await createMessages()
    world.subscriptions.answer('alice', appid, [template_id], true)
    expect(await send(more)).toMatchObject({ errcode, errmsg: expect.stringContaining(errmsg) })
    expect(world.subscriptions.left('alice', appid, template_id)).toBe(1)
  })

  test('the openid of another mini-program is nobody here', async () => {
    const { world, send } = await createMessages()
    world.login('alice', OTHER_APP.appid)
    expect(await send({ touser: world.openid('alice', OTHER_APP.appid) })).toMatchObject({ errcode: 40003 })
  })

  test('on the phone the user accepts or refuses', async () => {
    const { wx, device, world } = createManualPhone()
    const ask = (tmplIds: unknown) => wx.requestSubscribeMessage({ tmplIds })
    expect(await ask(['a', 'b'])).toEqual({ a: 'accept', b: 'accept', errMsg: 'requestSubscribeMessage:ok' })
    device.choices.allow = false
    expect(await ask(['a'])).toMatchObject({ a: 'reject' })
    expect([world.subscriptions.left('alice', appid, 'a'), world.subscriptions.left('alice', appid, 'b')]).toEqual([
      1, 1,
    ])
    await expect(ask([])).rejects.toEqual({
      errMsg: "requestSubscribeMessage:fail TmplIds can't be empty",
      errCode: 10001,
    })
    await expect(ask(['a', 'b', 'c', 'd'])).rejects.toMatchObject({ errCode: 20003 })
  })
})
