import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { bucketOf, createToken, parseToken } from '../../src/sessions/token.ts'

describe('a token', () => {
  it('a token is 32 random bytes behind the bucket of its user', () => {
    const token = createToken('user')
    expect(token).toMatch(/^wxs1\.[0-9a-f]{3}\.[A-Za-z0-9_-]{43}$/)
    expect(createToken('user')).not.toBe(token)
    expect(token.split('.')[1]).toBe(createHash('sha256').update('user').digest('hex').slice(0, 3))
  })

  it('a token is stored as the SHA-256 of all of it', () => {
    const token = createToken('user')
    const id = createHash('sha256').update(token).digest('base64url')
    expect(parseToken(token)).toEqual({ id, bucket: bucketOf('user') })
  })

  it.each([
    '',
    'wxs1',
    `wxs1.abc.${'a'.repeat(42)}`,
    `wxs1.abc.${'a'.repeat(44)}`,
    `wxs1.ABC.${'a'.repeat(43)}`,
    `wxs2.abc.${'a'.repeat(43)}`,
    `wxs1.abc.${'a'.repeat(42)}+`,
    `wxs1.abc.${'a'.repeat(43)}\n`,
    ` wxs1.abc.${'a'.repeat(43)}`,
  ])('%j is not a token', (text) => {
    expect(parseToken(text)).toBeNull()
  })
})
