import Fastify from 'fastify'
import { expect, onTestFinished, test } from 'vitest'
import { readCallerAddress } from '../src/caller-address.ts'

/** An application behind a proxy on this machine that writes `X-Forwarded-For`, and what it logs. */
function start(trustProxy: readonly string[]) {
  const lines: string[] = []
  const stream = { write: (line: string) => void lines.push(line) }
  const app = Fastify({ logger: { level: 'warn', stream }, trustProxy: [...trustProxy] })
  onTestFinished(() => app.close())
  readCallerAddress(app, trustProxy)
  app.get('/ip', async ({ ip }) => ip)
  const ask = async (forwarded?: string | string[]) =>
    (await app.inject({ url: '/ip', headers: { ...(forwarded !== undefined && { 'x-forwarded-for': forwarded }) } }))
      .body
  return { ask, lines }
}

test.each([
  ['192.0.2.1:4711', '192.0.2.1'],
  ['[2001:db8::1]:4711', '2001:db8::1'],
  ['[2001:db8::1]', '2001:db8::1'],
  ['2001:db8::1', '2001:db8::1'],
  ['[::ffff:192.0.2.1]:4711', '::ffff:192.0.2.1'],
  ['192.0.2.9:80, 10.0.0.1:8443', '192.0.2.9'],
  ['203.110.113.123:65535 ,10.0.0.1', '203.110.113.123'],
  // Addresses that a proxy would not write are left as they are.
  ['evil:80', 'evil:80'],
  ['x192.0.2.1:80', 'x192.0.2.1:80'],
  ['192.0.2.1:80x', '192.0.2.1:80x'],
  ['x[2001:db8::1]:80', 'x[2001:db8::1]:80'],
  ['[2001:db8::1]:80x', '[2001:db8::1]:80x'],
])("the caller's address is the one in %s, without the port that some proxies add", async (forwarded, address) => {
  expect(await start(['127.0.0.0/8', '10.0.0.0/8']).ask(forwarded)).toBe(address)
})

test('a request without X-Forwarded-For comes from the address of its connection', async () => {
  expect(await start(['127.0.0.0/8']).ask()).toBe('127.0.0.1')
})

test.each([
  ['X-Forwarded-For is told to the operator once while nobody says which proxies there are', [], 1],
  ['X-Forwarded-For is not told to the operator where the proxies are known', ['127.0.0.0/8'], 0],
])('%s', async (_, trustProxy, times) => {
  const { ask, lines } = start(trustProxy)
  await ask()
  expect(lines).toEqual([])
  for (let i = 0; i < 3; i++) await ask('192.0.2.1')
  expect(lines).toHaveLength(times)
  expect(lines.join('')).toMatch(times === 0 ? /^$/ : /set TRUST_PROXY/)
})
