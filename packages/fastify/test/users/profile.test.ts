import { expect, it } from 'vitest'
import { EMPTY_PROFILE, parseProfile } from '../../src/users/profile.ts'

it('a field left out becomes empty', () => {
  expect(parseProfile({ nickname: '小明👨‍👩‍👧', gender: 1 })).toEqual({
    ...EMPTY_PROFILE,
    nickname: '小明👨‍👩‍👧',
    gender: 1,
  })
})

it('a nickname may have 64 characters of any script', () => {
  expect(parseProfile({ nickname: '👍'.repeat(64) }).nickname).toHaveLength(128)
  expect(() => parseProfile({ nickname: '👍'.repeat(65) })).toThrow(
    expect.objectContaining({ code: 'request_invalid', detail: 'nickname must not have more than 64 characters' }),
  )
})

it.each([
  ['city', 'a\nb', 'control'],
  ['nickname', 'a\u0000', 'control'],
  ['nickname', '\u001b[31mred', 'control'],
  ['province', 'a\u2028b', 'control'],
  ['nickname', 'half a pair \ud83d', 'control'],
  ['nickname', 'admin\u202egnp.exe', 'direction'],
  ['country', '\u2066x', 'direction'],
  ['language', '\u200f', 'direction'],
])('%s of %j is refused', (field, text, problem) => {
  expect(() => parseProfile({ [field]: text })).toThrow(
    expect.objectContaining({
      code: 'request_invalid',
      detail: expect.stringMatching(`^${field} must not.*${problem}`),
    }),
  )
})

it.each(['', 'https://thirdwx.qlogo.cn/mmopen/abc/132', 'https://example.com/头像.png'])(
  'avatarUrl may be %j',
  (avatarUrl) => {
    expect(parseProfile({ avatarUrl }).avatarUrl).toBe(avatarUrl)
  },
)

it.each([
  'http://example.com/a.png',
  'javascript:alert(1)',
  'data:image/png;base64,AA',
  'wxfile://tmp_x.png',
  '//example.com/a.png',
  ' https://example.com/a.png',
  'https://user:pass@example.com/a.png',
  'https://',
])('avatarUrl must not be %j', (avatarUrl) => {
  expect(() => parseProfile({ avatarUrl })).toThrow(
    expect.objectContaining({ detail: 'avatarUrl must be an https address without credentials, or empty' }),
  )
})
