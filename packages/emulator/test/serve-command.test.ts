import { get } from 'node:http'
import { expect, test } from 'vitest'
import { runCommand } from '../src/run-command.ts'
import { parseServe } from '../src/serve-command.ts'
import { DEMO_APP } from '../src/world.ts'

async function serve(...args: string[]) {
  const stop = new AbortController()
  const written = { stdout: '', stderr: '' }
  const output = {
    stdout(text: string) {
      written.stdout += text
    },
    stderr(text: string) {
      written.stderr += text
    },
  }
  const ended = runCommand(['serve', ...args], output, stop.signal)
  const started = expect.poll(() => written.stdout + written.stderr).not.toBe('')
  await started
  return { ended, written, stop, url: /played at (\S+):/.exec(written.stdout)?.[1] ?? '' }
}

const json = async (url: string, body?: object) => {
  const init = body && { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  return (await (await fetch(url, init)).json()) as Record<string, unknown>
}

test('several mini-programs are served on one port, with the switches and the ledger beside them, until it is stopped', async () => {
  const { url, ended, stop } = await serve('--port', '0', '--app', 'wx1:one:shop', '--app', 'wx2:two:shop')
  const unionids: unknown[] = []
  for (const [appid, secret] of [
    ['wx1', 'one'],
    ['wx2', 'two'],
  ] as const) {
    const { code } = await json(`${url}/emulator/wx-login`, { user: 'alice', appid })
    const query = new URLSearchParams({ appid, secret, js_code: String(code), grant_type: 'authorization_code' })
    unionids.push((await json(`${url}/sns/jscode2session?${query}`)).unionid)
  }
  expect(unionids[0]).toMatch(/^o/)
  expect(unionids[1]).toBe(unionids[0])
  const { entries } = (await json(`${url}/emulator/ledger`)) as { entries: { event: string }[] }
  expect(entries.filter(({ event }) => event === 'jscode2session')).toHaveLength(2)
  expect(await json(`${url}/emulator/proofs`)).toEqual({ codesUsedTwice: [], refusals: [] })
  expect(await json(`${url}/nowhere`)).toMatchObject({ errcode: 40066 })
  stop.abort()
  expect(await ended).toBe(0)
  await expect(fetch(url)).rejects.toThrow()
})

test('without an app it plays one of its own, and prints it', async () => {
  const { written, ended, stop } = await serve('--port', '0')
  expect(written.stdout).toContain(`appid ${DEMO_APP.appid}  secret ${DEMO_APP.secret}`)
  stop.abort()
  await ended
})

test('a port that is taken is told in one line', async () => {
  const first = await serve('--port', '0')
  const second = await serve('--port', new URL(first.url).port)
  expect(await second.ended).toBe(1)
  expect(second.written.stderr).toMatch(/^weapp-emulator: .*EADDRINUSE.*\n$/)
  first.stop.abort()
  await first.ended
})

test('under a foreign name the switches are closed, unless it is exposed', async () => {
  const world = (url: string) =>
    new Promise<number>((resolve, reject) => {
      // fetch() sets the Host itself.
      get(`${url}/emulator/world`, { headers: { host: 'emulator.test' } }, ({ statusCode = 0 }) =>
        resolve(statusCode),
      ).on('error', reject)
    })
  for (const [args, status] of [
    [[], 403],
    [['--exposed'], 200],
  ] as const) {
    const { url, ended, stop } = await serve('--port', '0', ...args)
    expect(await world(url)).toBe(status)
    stop.abort()
    await ended
  }
})

test.each([
  [['--port', 'many'], '--port must be a number'],
  [['--port', '70000'], '--port must be a number'],
  [['--host', '0.0.0.0'], 'add --exposed if they may'],
  [['--app', 'wx1'], '--app must be <appid>:<secret>'],
  [['--app', 'wx1:a', '--app', 'wx1:b'], '--app wx1 is there twice'],
  [['--unknown'], "Unknown option '--unknown'"],
])('%o is refused with a sentence', (args, message) => {
  expect(() => parseServe(args)).toThrow(message)
})

test('a wrong argument shows the usage', async () => {
  const { ended, written } = await serve('--port', 'many')
  expect(await ended).toBe(2)
  expect(written.stderr).toContain('weapp-emulator serve [options]')
})
