import type { UserProfile } from '@weapp-auth/shared'
import { describe, expect, it } from 'vitest'
import { startService } from '../service.ts'

const PROFILE = {
  nickname: '小明👍',
  avatarUrl: 'https://example.com/a.png',
  gender: 1,
  country: 'CN',
  province: '浙江',
  city: '杭州',
  language: 'zh_CN',
}

describe('POST /v1/me/profile', () => {
  it('POST /v1/me/profile changes the fields given and no others, answers the whole profile, and GET /v1/me and /v1/session show it', async () => {
    const { app, signIn } = await startService()
    const { headers, userId } = await signIn()
    const post = (payload: object) => app.inject({ method: 'POST', url: '/v1/me/profile', headers, payload })
    const shown = async () => (await app.inject({ url: '/v1/session', headers })).json().user.profile
    expect(await shown()).toMatchObject({ nickname: '' })
    const answer = await post({ ...PROFILE, id: 'x', isAdmin: true })
    expect([answer.statusCode, answer.json()]).toEqual([200, { user: { id: userId, profile: PROFILE } }])
    expect((await app.inject({ url: '/v1/me', headers })).json()).toEqual(answer.json())
    expect(await shown()).toEqual(PROFILE)
    const changed = await post({ nickname: 'x', avatarUrl: '' })
    expect(changed.json().user.profile).toEqual({ ...PROFILE, nickname: 'x', avatarUrl: '' })
    expect((await post({})).json()).toEqual(changed.json())
  })

  it('two changes of a profile at once, of avatar and nickname, are both kept', async () => {
    const { app, signIn } = await startService()
    const { headers } = await signIn()
    const post = (payload: object) => app.inject({ method: 'POST', url: '/v1/me/profile', headers, payload })
    await Promise.all([post({ nickname: PROFILE.nickname }), post({ avatarUrl: PROFILE.avatarUrl })])
    const { profile } = (await app.inject({ url: '/v1/me', headers })).json().user
    expect(profile).toMatchObject({ nickname: PROFILE.nickname, avatarUrl: PROFILE.avatarUrl })
  })

  it.each([
    [{ gender: 3 }, 'gender must be one of 0, 1, 2'],
    [{ gender: '1' }, 'gender must be one of 0, 1, 2'],
    [{ nickname: null }, 'nickname must be string'],
    [{ nickname: 'x'.repeat(65) }, 'nickname must not have more than 64 characters'],
    [{ city: 'a\nb' }, 'city must not contain control characters'],
    [{ nickname: '\u202eevil' }, 'nickname must not contain characters that change the direction of text'],
    [{ avatarUrl: 'javascript:alert(1)' }, 'avatarUrl must be an https address without credentials, or empty'],
  ])('POST /v1/me/profile refuses %j and keeps what was there', async (payload, detail) => {
    const { app, signIn } = await startService()
    const { headers } = await signIn()
    await app.inject({ method: 'POST', url: '/v1/me/profile', headers, payload: PROFILE })
    const answer = await app.inject({ method: 'POST', url: '/v1/me/profile', headers, payload })
    expect(answer.json()).toMatchObject({ status: 400, code: 'request_invalid', detail })
    expect((await app.inject({ url: '/v1/me', headers })).json().user.profile).toEqual(PROFILE)
  })
})

describe('a user who is gone', () => {
  it('a user who is gone has no valid session, on any route', async () => {
    const { app, signIn, users } = await startService()
    const { headers } = await signIn()
    users.findUser = async () => null
    users.updateProfile = async () => null
    for (const request of [
      { url: '/v1/me' },
      { url: '/v1/session' },
      { method: 'POST', url: '/v1/me/profile', payload: {} },
    ] as const) {
      expect((await app.inject({ ...request, headers })).json()).toMatchObject({ status: 401, code: 'session_invalid' })
    }
  })
})

it('fields that an answer leaves out stay in the user object of a custom store', async () => {
  const { app, signIn, users } = await startService()
  const { headers, userId } = await signIn()
  const kept = {
    id: userId,
    createdAtMs: 0,
    profile: { ...(PROFILE as UserProfile), phone: '123' },
    externalId: null,
    disabled: null,
  }
  users.findUser = async () => kept
  expect((await app.inject({ url: '/v1/me', headers })).json().user.profile).toEqual(PROFILE)
  expect(kept.profile.phone).toBe('123')
})
