import { expect, it } from 'vitest'
import { parseProfileChanges } from '../../src/users/profile.ts'

it('a field left out is not among the changes, and neither is a field that we do not know', () => {
  const changes = parseProfileChanges({ nickname: '小明👨‍👩‍👧', gender: 1, isAdmin: true } as never)
  expect(changes).toEqual({ nickname: '小明👨‍👩‍👧', gender: 1 })
  expect(parseProfileChanges({ city: '' })).toStrictEqual({ city: '' })
  expect(parseProfileChanges({})).toStrictEqual({})
})

it('a nickname may have 64 characters of any script', () => {
  expect(parseProfileChanges({ nickname: '👍'.repeat(64) }).nickname).toHaveLength(128)
  expect(() => parseProfileChanges({ nickname: '👍'.repeat(65) })).toThrow(
    expect.objectContaining({ code: 'request_invalid', detail: 'nickname must not have more than 64 characters' }),
  )
})

// Spaces of several scripts, a joiner, a soft hyphen, fillers of Hangul, the empty Braille pattern, a variation selector.
it.each([' ', '\u3000\u00a0', '\u200b\u200d', '\u00ad', '\u3164\uffa0', '\u2800', '\ufe0f', '\u{e0020}'])(
  'a nickname of nothing but invisible characters is empty: %j',
  (nickname) => {
    expect(parseProfileChanges({ nickname })).toEqual({ nickname: '' })
    expect(parseProfileChanges({ nickname: `${nickname}明` })).toEqual({ nickname: `${nickname}明` })
    expect(parseProfileChanges({ city: nickname })).toEqual({ city: nickname })
  },
)

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
  expect(() => parseProfileChanges({ [field]: text })).toThrow(
    expect.objectContaining({
      code: 'request_invalid',
      detail: expect.stringMatching(`^${field} must not.*${problem}`),
    }),
  )
})

it.each([
  ['', ''],
  ['https://thirdwx.qlogo.cn/mmopen/abc/132', 'https://thirdwx.qlogo.cn/mmopen/abc/132'],
  ['HTTPS://Example.com:443/a/../b.png', 'https://example.com/b.png'],
  ['https:example.com\\a.png', 'https://example.com/a.png'],
  ['https://example.com/头像.png', 'https://example.com/%E5%A4%B4%E5%83%8F.png'],
  ['https://例子.测试/"><img>', 'https://xn--fsqu00a.xn--0zwm56d/%22%3E%3Cimg%3E'],
])('avatarUrl %j is stored as %j', (avatarUrl, stored) => {
  expect(parseProfileChanges({ avatarUrl })).toEqual({ avatarUrl: stored })
})

it('the normal form of an avatarUrl has to fit as well', () => {
  expect(() => parseProfileChanges({ avatarUrl: `https://example.com/${'图'.repeat(200)}` })).toThrow(
    expect.objectContaining({ detail: 'avatarUrl must not have more than 1024 characters' }),
  )
})

it.each([
  'http://example.com/a.png',
  'javascript:alert(1)',
  'data:image/png;base64,AA',
  'wxfile://tmp_x.png',
  '//example.com/a.png',
  ' https://example.com/a.png',
  'https://user:pass@example.com/a.png',
  'https://user@example.com/a.png',
  'https://:pass@example.com/a.png',
  'https://',
])('avatarUrl must not be %j', (avatarUrl) => {
  expect(() => parseProfileChanges({ avatarUrl })).toThrow(
    expect.objectContaining({ detail: 'avatarUrl must be an https address without credentials, or empty' }),
  )
})
