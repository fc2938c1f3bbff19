import { expect, test } from 'vitest'
import { DEMO_APP } from '../../src/world.ts'
import { createApi } from './api.ts'

const { appid, secret } = DEMO_APP
const HOUR_MS = 60 * 60_000

function createTokens() {
  const api = createApi()
  const query = new URLSearchParams({ grant_type: 'client_credential', appid, secret })
  const plain = async (params: Record<string, string> = {}) =>
    api.call('GET', `/cgi-bin/token?${new URLSearchParams({ ...Object.fromEntries(query), ...params })}`)
  const stable = async (more = {}) =>
    api.call('POST', '/cgi-bin/stable_token', { grant_type: 'client_credential', appid, secret, ...more })
  /** What WeChat says of a token: 47001 is beyond it, the body was empty. */
  const errcodeOf = async ({ access_token }: Record<string, unknown>) =>
    (await api.call('POST', `/wxa/business/getuserphonenumber?access_token=${access_token}`, {})).errcode
  return { ...api, plain, stable, errcodeOf }
}

/** The token was good: what was missing is the code. */
const GOOD = 40029

test('/cgi-bin/token gives a new token at each call, and the one before it lives on for five minutes', async () => {
  const { world, plain, errcodeOf } = createTokens()
  const first = await plain()
  expect(first).toEqual({ access_token: expect.any(String), expires_in: 7200, errcode: 0, errmsg: '' })
  const second = await plain()
  expect(second.access_token).not.toBe(first.access_token)
  world.advance(5 * 60_000 - 1)
  expect([await errcodeOf(first), await errcodeOf(second)]).toEqual([GOOD, GOOD])
  world.advance(1)
  expect([await errcodeOf(first), await errcodeOf(second)]).toEqual([42001, GOOD])
  world.advance(2 * HOUR_MS)
  expect(await errcodeOf(second)).toBe(42001)
})

test('the two ways to a token do not end each other', async () => {
  const { world, plain, stable, errcodeOf } = createTokens()
  const stableToken = await stable()
  const plainToken = await plain()
  await plain()
  world.advance(5 * 60_000)
  expect(await errcodeOf(stableToken)).toBe(GOOD)
  const current = await plain()
  await stable({ force_refresh: true })
  expect(await errcodeOf(stableToken)).toBe(40001)
  expect(await errcodeOf(current)).toBe(GOOD)
  expect(await errcodeOf(plainToken)).toBe(42001)
})

test('a revoked app has no token of either kind', async () => {
  const { world, plain, stable, errcodeOf } = createTokens()
  const tokens = [await plain(), await stable()]
  world.revokeAccessToken(appid)
  expect(await Promise.all(tokens.map(errcodeOf))).toEqual([40001, 40001])
})

test.each([
  [{ appid: '' }, 41002],
  [{ secret: '' }, 41004],
  [{ grant_type: 'password' }, 40002],
  [{ appid: 'wx9' }, 40013],
  [{ secret: 'wrong' }, 40125],
])('/cgi-bin/token with %o is refused', async (params, errcode) => {
  const { plain } = createTokens()
  expect(await plain(params)).toMatchObject({ errcode })
})
