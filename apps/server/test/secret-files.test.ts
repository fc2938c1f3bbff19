import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { ConfigError } from '../src/config.ts'
import { readSecretFiles, SECRETS, secretsInFiles } from '../src/secret-files.ts'

test('a secret that stands in a file is read without the line break at its end', () => {
  const WECHAT_SECRET_FILE = secretFile('an appSecret\n')
  const env = { WECHAT_APPID: 'wx1', WECHAT_SECRET_FILE, REDIS_URL: 'redis://127.0.0.1' }
  expect(secretsInFiles(env)).toEqual(['WECHAT_SECRET'])
  expect(readSecretFiles(env)).toEqual({ ...env, WECHAT_SECRET: 'an appSecret' })
})

test('each secret that can stand in a file is a variable of the service', () => {
  const example = readFileSync(join(import.meta.dirname, '../../../.env.example'), 'utf8')
  const variables = [...example.matchAll(/^([A-Z_0-9]+)=/gm)].map(([, name]) => name)
  expect(variables).toEqual(expect.arrayContaining([...SECRETS]))
})

test('an empty variable with _FILE counts as not set', () => {
  const env = { WECHAT_SECRET: 'an appSecret', WECHAT_SECRET_FILE: '' }
  expect(secretsInFiles(env)).toEqual([])
  expect(readSecretFiles(env)).toEqual(env)
})

test('every file that cannot be used is told at once, without what the others hold', () => {
  const env = {
    WECHAT_SECRET: 'an appSecret',
    WECHAT_SECRET_FILE: secretFile('another appSecret'),
    SESSION_KEY_KEYS_FILE: '/nowhere/keys',
    REDIS_URL_FILE: secretFile(' \n'),
  }
  expect(problemsOf(() => readSecretFiles(env))).toEqual([
    'WECHAT_SECRET_FILE and WECHAT_SECRET are both set: unset one of them',
    'SESSION_KEY_KEYS_FILE: /nowhere/keys cannot be read (ENOENT)',
    `REDIS_URL_FILE: ${env.REDIS_URL_FILE} is empty`,
  ])
  expect(problemsOf(() => readSecretFiles(env, 'zh'))).toEqual([
    'WECHAT_SECRET_FILE 和 WECHAT_SECRET 只能设置一个',
    'SESSION_KEY_KEYS_FILE：无法读取 /nowhere/keys（ENOENT）',
    `REDIS_URL_FILE：${env.REDIS_URL_FILE} 是空的`,
  ])
})

function secretFile(text: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'weapp-auth-secret-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const file = join(folder, 'secret')
  writeFileSync(file, text)
  return file
}

function problemsOf(read: () => unknown): readonly string[] {
  try {
    read()
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  throw new Error('nothing was refused')
}
