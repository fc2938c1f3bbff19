import type { RunningApp } from '@weapp-auth/emulator'
import { describe, expect, test } from 'vitest'
import type { Service } from '../../server/test/service.ts'
import { buildWaitingForTap, createDeviceOf, open, openProfile, startDemo } from './open-example.ts'

/** The number that the emulated WeChat gives the user of these phones, as a page shows it. */
const MASKED = /^120\*{4}\d{4}$/

/** What the users of the example do with their accounts, on emulated phones, against the real service over HTTP. */
describe('the account', () => {
  test('a picture chosen at WeChat is uploaded, shown, and there on the other phone', async () => {
    const service = await startDemo('embedded')
    const { app } = await open(service)
    await openProfile(app)
    await app.tap('#avatar')
    await app.settled()
    expect(app.text('#message')).toBe('头像已更换')
    const [, address = ''] = /<image [^>]*src="([^"]+)"/.exec(app.html()) ?? []
    expect(address.startsWith(`${service.baseUrl}/avatars/`)).toBe(true)
    expect((await fetch(address)).headers.get('content-type')).toBe('image/jpeg')

    const { app: elsewhere } = await open(service)
    await openProfile(elsewhere)
    expect(elsewhere.html()).toContain(address)
  })

  test('the phone number is bound and taken back, and the page before shows it', async () => {
    const service = await startDemo('embedded')
    const { app } = await open(service)
    await openPhone(app)
    expect(app.text('#number')).toBe('未绑定')
    await app.tap('#bind')
    await app.settled()
    expect([app.text('#number'), app.text('#message')]).toEqual([expect.stringMatching(MASKED), '已绑定'])
    await app.navigateBack()
    expect(app.text('#phone')).toMatch(MASKED)

    await app.tap('#to-phone')
    await app.settled()
    await app.tap('#unbind')
    await app.settled()
    expect([app.text('#number'), app.text('#message')]).toEqual(['未绑定', '已解除绑定'])
    expect(app.exists('#unbind')).toBe(false)
    await app.navigateBack()
    expect(app.text('#phone')).toBe('未绑定')
  })

  test('signing in with the phone number is one tap, and the number is there', async () => {
    const service = await startDemo('embedded')
    const { app } = await open(service)
    await signOut(app)
    await app.tap('#to-login')
    await app.settled()
    await app.input('#agreement', ['agreed'])
    await app.tap('#login >>> .phone')
    await app.settled()
    expect(app.exists('#products')).toBe(true)
    const { ledger } = service.world
    expect([ledger.count('wx.login'), ledger.count('getuserphonenumber', { errcode: 0 })]).toEqual([2, 1])
    await openProfile(app)
    expect(app.text('#phone')).toMatch(MASKED)
  })

  test('an account is deleted: both phones are signed out and say why, and the next sign-in is a new user', async () => {
    const service = await startDemo('embedded')
    const { app } = await open(service)
    const { app: other } = await open(service)
    await openProfile(app)
    await app.input('#nickname', '小明')
    await app.tap('#save')
    await app.settled()
    await openErase(app)
    await app.tap('#erase')
    await app.settled()
    expect(app.page().route).toBe('pages/erase/erase')

    await app.input('#agreement', ['understood'])
    await app.tap('#erase')
    await app.settled()
    expect(app.page().route).toBe('pages/index/index')
    expect(app.text('#signed-out')).toContain('账号已注销')
    await other.pullDownRefresh()
    await other.settled()
    expect(other.text('#signed-out')).toContain('账号已注销')
    expect(service.world.ledger.count('wx.login')).toBe(2)

    await other.tap('#login >>> .login')
    await other.settled()
    expect(other.exists('#products')).toBe(true)
    await openProfile(other)
    expect(other.text('#name')).toBe('微信用户')
    expect([...app.errors, ...other.errors]).toEqual([])
  })
})

describe('the account, where something goes wrong', () => {
  test('a picture that is none, or cannot be sent, is told, and the old one stays', async () => {
    const service = await startDemo('embedded')
    const { app, device } = await open(service)
    await openProfile(app)
    await app.tap('#avatar')
    await app.settled()
    const before = app.html().match(/<image [^>]*>/)?.[0]
    device.choices.picture = new TextEncoder().encode('#!/bin/sh')
    await app.tap('#avatar')
    await app.settled()
    expect(app.text('#message')).toBe('头像没有换成：这张图片打不开，请换一张')
    device.network.setOnline(false)
    await app.tap('#avatar')
    await app.settled()
    expect(app.text('#message')).toBe('头像没有换成：网络不可用，请检查网络后重试')
    expect(app.html().match(/<image [^>]*>/)?.[0]).toBe(before)
  })

  test('each refusal of a picture has its own sentence', async () => {
    const service = await startDemo('embedded')
    const { app, device } = await open(service)
    await openProfile(app)
    for (const [status, code, told] of [
      // A service that keeps no pictures.
      [404, 'not_found', '这项功能还没有开通'],
      [413, 'payload_too_large', '图片太大了，请换一张小一点的'],
      [429, 'rate_limited', '操作太频繁，请稍后再试'],
      [503, 'store_unavailable', '服务暂时不可用，请稍后重试'],
    ] as const) {
      const body = JSON.stringify({ type: `urn:weapp-auth:problem:${code}`, title: code, status, code })
      device.faults.set('wx.uploadFile', { status, body })
      await app.tap('#avatar')
      await app.settled()
      expect(app.text('#message')).toBe(`头像没有换成：${told}`)
    }
  })

  test('somebody who chooses no picture, or keeps the number, sees nothing happen', async () => {
    const service = await startDemo('embedded')
    const { app, device } = await open(service)
    await openPhone(app)
    device.choices.allow = false
    await app.tap('#bind')
    await app.settled()
    expect([app.exists('#message'), app.text('#number')]).toEqual([false, '未绑定'])
    await app.navigateBack()
    await app.tap('#avatar')
    await app.settled()
    expect([app.exists('#message'), app.exists('#avatar')]).toEqual([false, true])
  })

  test.each([
    [
      'the quota of the mini-program is used up',
      { errMsg: 'jsapi has no permission', errno: 1400001 },
      '手机号验证暂时不可用',
    ],
    [
      'the privacy agreement was declined',
      { errMsg: 'privacy permission is not authorized', errno: 101102 },
      '同意隐私保护指引后才能使用手机号',
    ],
    ['the network is away', { errMsg: 'ERR_FAILED' }, '没有拿到手机号，请检查网络后重试'],
  ])('no phone code because %s: the page says so', async (_why, fault, told) => {
    const service = await startDemo('embedded')
    const { app, device } = await open(service)
    await openPhone(app)
    device.faults.set('getPhoneNumber', fault)
    await app.tap('#bind')
    await app.settled()
    expect(app.text('#message')).toBe(told)
  })

  test('a phone code that WeChat refuses is told, and the next tap binds the number', async () => {
    const service = await startDemo('embedded')
    const { app } = await open(service)
    await openPhone(app)
    service.world.faults.set('getuserphonenumber', { errcode: 40029, times: 1 })
    await app.tap('#bind')
    await app.settled()
    expect(app.text('#message')).toBe('手机号没有通过验证，请再点一次')
    await app.tap('#bind')
    await app.settled()
    expect(app.text('#message')).toBe('已绑定')
  })

  test('a sign-in whose phone code is refused is told beside the buttons, and the other button still works', async () => {
    const service = await startDemo('embedded')
    const { app } = await open(service, createDeviceOf(service), buildWaitingForTap())
    await app.input('#agreement', ['agreed'])
    service.world.faults.set('getuserphonenumber', { errcode: 40029 })
    await app.tap('#login >>> .phone')
    await app.settled()
    expect(app.text('#login >>> .error')).toBe('手机号没有通过验证，请再点一次')
    await app.tap('#login >>> .login')
    await app.settled()
    expect(app.exists('#products')).toBe(true)
  })

  test('a service in trouble is told on the pages of the phone number and of the goodbye, and nothing is lost', async () => {
    const service = await startDemo('embedded')
    const { app, device } = await open(service)
    await openPhone(app)
    await app.tap('#bind')
    await app.settled()
    device.faults.set('wx.request', { status: 503 })
    await app.tap('#unbind')
    await app.settled()
    expect([app.text('#message'), app.text('#number')]).toEqual([
      '服务暂时不可用，请稍后重试',
      expect.stringMatching(MASKED),
    ])
    await app.navigateBack()
    await app.tap('#to-phone')
    await app.settled()
    expect(app.text('#error')).toContain('服务暂时不可用，请稍后重试')
    await app.navigateBack()

    await openErase(app)
    await app.input('#agreement', ['understood'])
    await app.tap('#erase')
    await app.settled()
    expect(app.text('#message')).toBe('服务暂时不可用，请稍后重试')
    device.faults.clear()
    await app.tap('#erase')
    await app.settled()
    expect(app.text('#signed-out')).toContain('账号已注销')
  })

  test('signed out by the other phone, a page waits for a tap, and the pages below it load when they are seen again', async () => {
    const service = await startDemo('embedded')
    const { app } = await open(service)
    await openPhone(app)
    await endOthers(service)
    await app.tap('#bind')
    await app.settled()
    expect(app.text('#signed-out')).toContain('你在另一台设备上退出了本机的登录')

    await app.tap('#login >>> .login')
    await app.settled()
    expect(app.text('#number')).toBe('未绑定')
    await app.navigateBack()
    await app.settled()
    await app.tap('#to-devices')
    await app.settled()
    await endOthers(service)
    await app.tap('#sign-out-others')
    await app.settled()
    expect(app.exists('#signed-out')).toBe(true)
  })
})

/** Another phone of the user signs out everywhere else. */
async function endOthers(service: Service): Promise<void> {
  const { app } = await open(service)
  await openProfile(app)
  await app.tap('#to-devices')
  await app.settled()
  await app.tap('#sign-out-others')
  await app.settled()
}

async function openPhone(app: RunningApp): Promise<void> {
  await openProfile(app)
  await app.tap('#to-phone')
  await app.settled()
}

async function openErase(app: RunningApp): Promise<void> {
  await app.tap('#to-settings')
  await app.settled()
  await app.tap('#to-erase')
  await app.settled()
}

async function signOut(app: RunningApp): Promise<void> {
  await openProfile(app)
  await app.tap('#to-settings')
  await app.settled()
  await app.tap('#sign-out')
  await app.settled()
}
