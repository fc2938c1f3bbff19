import { expect, test } from 'vitest'
import { createAuthOnPhone, environment, startService } from './service.ts'

/** A white GIF of one pixel. */
const GIF = Buffer.from('R0lGODlhAQABAIAAAP///wAAACH5BAAAAAAALAAAAAABAAEAAAICRAEAOw==', 'base64')

/** The real client in the emulator's `wx` against the real service. */
test('updateAvatar: the picture is served, and the profile has its address on the phone and in the service', async () => {
  const service = await startService(await environment('embedded'))
  const { auth, device } = createAuthOnPhone(service)
  await auth.updateProfile({ nickname: 'Al' })
  const avatarUrl = await auth.updateAvatar(device.files.create(GIF, '.gif'))
  expect(auth.getSession()?.user.profile).toMatchObject({ nickname: 'Al', avatarUrl })
  const { data } = await auth.request<{ user: { profile: object } }>({ url: '/v1/me' })
  expect(data.user.profile).toMatchObject({ nickname: 'Al', avatarUrl })
  expect((await fetch(avatarUrl)).headers.get('content-type')).toBe('image/jpeg')
})

test('updateAvatar with a file that is no picture: the page is told, and the profile stays', async () => {
  const service = await startService(await environment('embedded'))
  const { auth, device } = createAuthOnPhone(service)
  await auth.ensureLogin()
  await expect(auth.updateAvatar(device.files.create('#!/bin/sh', '.png'))).rejects.toMatchObject({
    code: 'rejected',
    problem: 'media_type_unsupported',
  })
  expect(auth.getSession()?.user.profile.avatarUrl).toBe('')
})

test('signing in with a phone code proves the number; bindPhone proves another; each code is sent to WeChat once', async () => {
  const service = await startService(await environment('embedded'))
  const { auth } = createAuthOnPhone(service)
  const [{ appid } = { appid: '' }] = service.world.apps
  const { code } = service.world.phones.issueCode('alice', appid)
  const { user } = await auth.ensureLogin({ phoneCode: code })
  expect(user.isNew).toBe(true)
  const { data } = await auth.request<{ phoneMasked?: string }>({ url: '/v1/me' })
  expect(data.phoneMasked).toMatch(/^\d{3}\*{4}\d{4}$/)
  expect(await auth.bindPhone(service.world.phones.issueCode('alice', appid).code)).toMatchObject({ countryCode: '86' })
  // A spent code: WeChat refuses it, and the session stays.
  await expect(auth.bindPhone(code)).rejects.toMatchObject({ code: 'rejected', problem: 'phone_code_invalid' })
  await expect(auth.ensureLogin({ phoneCode: code })).rejects.toMatchObject({
    code: 'login_rejected',
    problem: 'phone_code_invalid',
  })
  expect((await auth.request({ url: '/v1/me' })).statusCode).toBe(200)
})
