import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { prepareDataDir } from '../src/data-dir.ts'
import { explainStartError } from '../src/start-error.ts'

function tempDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'weapp-auth-data-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

const fail = (message: string) => {
  throw new Error(`warned: ${message}`)
}

describe('DATA_DIR', () => {
  test('DATA_DIR is made when it is missing, and used when it is there', () => {
    const dir = join(tempDir(), 'a', 'b')
    prepareDataDir(dir, fail)
    prepareDataDir(dir, fail)
    expect(statSync(dir).isDirectory()).toBe(true)
  })

  test.each<[string, string, string]>([
    ['a file', 'file', 'EEXIST'],
    ['below a file', 'file/data', 'ENOTDIR'],
    ['a link to nothing', 'link', 'EEXIST'],
    ['in /proc', '/proc/weapp-auth', 'ENOENT'],
  ])('a DATA_DIR that is %s is told in one line', (_, path, code) => {
    const parent = tempDir()
    writeFileSync(join(parent, 'file'), '')
    symlinkSync(join(parent, 'gone'), join(parent, 'link'))
    const dir = resolve(parent, path)
    let said = ''
    try {
      prepareDataDir(dir, fail)
    } catch (error) {
      said = explainStartError(error, { DATA_DIR: dir }, 'en')
    }
    expect(said).toBe(`DATA_DIR ${dir} cannot be written (${code}): make it writable, or set DATA_DIR`)
  })

  test.each<[string, (file: string) => unknown, RegExp]>([
    ['a folder', (file) => mkdirSync(file), /is not a file, and one of the service belongs there: move it away/],
    [
      'a pipe',
      (file) => spawnSync('mkfifo', [file]),
      /is not a file, and one of the service belongs there: move it away/,
    ],
    ['a link to nothing', (file) => symlinkSync(`${file}-gone`, file), /is a link to a file that does not exist/],
  ])('a DATA_DIR with %s where a file belongs is told in one line that names it', (_, make, line) => {
    for (const name of ['session-keys', 'users.sqlite', 'sessions.sqlite', 'users.sqlite-wal']) {
      const dir = tempDir()
      make(join(dir, name))
      expect(() => prepareDataDir(dir, fail)).toThrow(line)
      expect(() => prepareDataDir(dir, fail)).toThrow(join(dir, name))
    }
  })

  test('a DATA_DIR with files that others can read is mended, and the operator is told', () => {
    const dir = tempDir()
    const names = ['session-keys', 'users.sqlite', 'users.sqlite-wal', 'sessions.sqlite', 'sessions.sqlite-shm']
    for (const [i, name] of names.entries()) {
      writeFileSync(join(dir, name), 'x')
      chmodSync(join(dir, name), [0o644, 0o660, 0o604, 0o640, 0o666][i] ?? 0)
    }
    writeFileSync(join(dir, 'of-somebody-else'), 'x', { mode: 0o644 })
    const told: string[] = []
    prepareDataDir(dir, (message) => told.push(message))
    expect(names.map((name) => statSync(join(dir, name)).mode & 0o777)).toEqual(names.map(() => 0o600))
    expect(told).toHaveLength(names.length)
    expect(told.join()).toContain(join(dir, 'session-keys'))
    expect(statSync(join(dir, 'of-somebody-else')).mode & 0o777).toBe(0o644)
    prepareDataDir(dir, fail)
  })
})
