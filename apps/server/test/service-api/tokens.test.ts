import { hash } from 'node:crypto'
import { expect, test } from 'vitest'
import { findServiceToken, parseServiceTokens } from '../../src/service-api/tokens.ts'

const DIGEST = hash('sha256', 'the token', 'hex')
const OTHER = hash('sha256', 'another token', 'hex')

test('service tokens are read with their names and scopes, in the order they are given in', () => {
  expect(parseServiceTokens(` shop.cn-1_a:read:${DIGEST} ,${'n'.repeat(64)}:write+issue:${OTHER}`)).toEqual([
    { name: 'shop.cn-1_a', scopes: new Set(['read']), digest: Buffer.from(DIGEST, 'hex') },
    { name: 'n'.repeat(64), scopes: new Set(['write', 'issue']), digest: Buffer.from(OTHER, 'hex') },
  ])
})

test.each([
  ['shape', `:read:${DIGEST}`],
  ['shape', `a b:read:${DIGEST}`],
  ['shape', 'shop'],
  ['shape', `${'n'.repeat(65)}:read:${DIGEST}`],
  ['shape', `shop::${DIGEST}`],
  ['shape', `shop:read:${DIGEST}:${DIGEST}`],
  ['scope', `shop:read+:${DIGEST}`],
  ['scope', `shop:read write:${DIGEST}`],
  ['scope', `shop:constructor:${DIGEST}`],
  ['digest', 'shop:read'],
  ['digest', 'shop:read:'],
  ['digest', `shop:read:${DIGEST.slice(1)}`],
  ['digest', `shop:read:${DIGEST}0`],
  ['digest', `shop:read:0${DIGEST}`],
  ['digest', `shop:read:${DIGEST.toUpperCase()}`],
  ['twice', `shop:read:${OTHER},desk:write:${OTHER}`],
] as const)(
  'an entry of service tokens with a fault in its %s is refused by its place, and nothing of it is quoted: %s',
  (fault, entry) => {
    const text = `first:read:${hash('sha256', 'first', 'hex')},${entry}`
    const place = entry.split(',').length + 1
    const refusal = `entry ${place} of the service tokens cannot be used: ${fault}`
    expect(() => parseServiceTokens(text)).toThrow(expect.objectContaining({ fault, place, message: refusal }))
  },
)

test('a service token is found by itself alone, wherever it stands', () => {
  const tokens = parseServiceTokens(`shop:read:${DIGEST},desk:write:${OTHER}`)
  expect(findServiceToken(tokens, 'the token')?.name).toBe('shop')
  expect(findServiceToken(tokens, 'another token')?.name).toBe('desk')
  for (const text of ['', 'the token ', DIGEST, 'shop']) expect(findServiceToken(tokens, text)).toBeNull()
  expect(findServiceToken([], 'the token')).toBeNull()
})
