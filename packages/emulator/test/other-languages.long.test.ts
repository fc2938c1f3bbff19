import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'

const CLI = fileURLToPath(new URL('../src/cli.ts', import.meta.url))
const page = (name: string) => readFileSync(new URL(`../docs/${name}`, import.meta.url), 'utf8')

/** The programs of a page by language; what is run by npx is no program. */
function samplesOf(text: string): Record<string, string> {
  const blocks = [...text.matchAll(/```(\w+)\n(.*?)```/gs)].map(([, language = '', code = '']) => [language, code])
  return Object.fromEntries(blocks.filter(([, code]) => !code?.includes('npx ')))
}

const samples = samplesOf(page('other-languages.md'))
const folder = mkdtempSync(join(tmpdir(), 'other-languages-'))
const server = spawn(process.execPath, [CLI, 'serve', '--port', '0', '--app', 'wx1234567890abcdef:test-secret'])
let address = ''

beforeAll(async () => {
  let printed = ''
  for await (const chunk of server.stdout) {
    printed += chunk
    address = /played at (\S+):/.exec(printed)?.[1] ?? ''
    if (address !== '' && printed.includes('secret')) return
  }
  throw new Error(`serve has ended: ${printed}`)
})

afterAll(async () => {
  const ended = new Promise((resolve) => server.once('close', resolve))
  server.kill('SIGTERM')
  expect(await ended).toBe(0)
  rmSync(folder, { recursive: true })
})

const RUN: Record<string, { file: string; command: string[]; prints: string }> = {
  sh: { file: 'sample.sh', command: ['sh'], prints: 'signed in, and the second use was refused' },
  php: { file: 'sample.php', command: ['php'], prints: 'signed in, and saw WeChat busy' },
  python: { file: 'sample.py', command: ['python3'], prints: 'got the number, and saw the access_token expire' },
  go: { file: 'sample.go', command: ['go', 'run'], prints: 'signed in, and saw a user refused' },
}

test('the page has a program in each of the languages, and its Chinese twin has the same', () => {
  expect(Object.keys(samples).sort()).toEqual(Object.keys(RUN).sort())
  expect(samplesOf(page('other-languages.zh-CN.md'))).toEqual(samples)
})

test.each(Object.entries(RUN))('the program in %s runs as it is printed', (language, { file, command, prints }) => {
  const path = join(folder, file)
  writeFileSync(path, samples[language] ?? '')
  const [program = '', ...args] = command
  // Go keeps what it compiled under HOME.
  const env = { ...process.env, WECHAT: address, GOCACHE: join(folder, 'go-cache'), GOFLAGS: '-mod=mod' }
  const { status, stdout, stderr } = spawnSync(program, [...args, path], { encoding: 'utf8', timeout: 100_000, env })
  expect(status, stderr).toBe(0)
  expect(stdout).toContain(prints)
})
