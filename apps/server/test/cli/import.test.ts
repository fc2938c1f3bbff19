import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { openSqliteUsers } from '@weapp-auth/fastify'
import { describe, expect, onTestFinished, test } from 'vitest'
import { readCsv } from '../../src/cli/import/csv-file.ts'
import { operator } from '../../src/cli/operator.ts'
import { runCli } from '../../src/cli/program.ts'
import { makeFolder } from './folder.ts'
import { run } from './run.ts'

const APP = { WECHAT_APPID: 'wx1', WECHAT_SECRET: 's' }
const HEAD = 'external_id,appid,openid,phone,nickname'

/** A file in a folder of the test's own, with a service beside it. */
function prepare(text: string | Buffer, name = 'users.csv') {
  const dir = makeFolder()
  const file = join(dir, name)
  writeFileSync(file, text)
  const env = { ...APP, DATA_DIR: join(dir, 'data') }
  return { dir, file, env, take: (...options: string[]) => run(['import', file, '--json', ...options], env) }
}

async function nicknamesIn({ DATA_DIR }: { DATA_DIR: string }): Promise<string[]> {
  const db = openSqliteUsers(join(DATA_DIR, 'users.sqlite'))
  const rows = await db.selectFrom('weapp_auth_users').select('nickname').orderBy('external_id').execute()
  await db.destroy()
  return rows.map(({ nickname }) => nickname)
}

describe('weapp-auth import', () => {
  test('weapp-auth import takes columns in any order, quoted fields, and a file without a line break at its end', async () => {
    const { take, env } = prepare('Nickname, EXTERNAL_ID\r\n"Li, ""Lei""",1\r\n\r\n"two\r\nlines",2\r\nHan,3')
    expect(await take()).toMatchObject({
      code: 1,
      out: expect.stringContaining('"made":2,"filled":0,"done":0,"refused":1'),
    })
    expect(await nicknamesIn(env)).toEqual(['Li, "Lei"', 'Han'])
  })

  test('a second import of a file finds every line done, and says so in words', async () => {
    const { file, env } = prepare(`${HEAD}\n1,wx1,oA,13800138000,Alice\n2,,,,Bob\n`)
    expect(await run(['import', file], env)).toEqual({
      code: 0,
      out: '2 new users, 0 users got something they had not, 0 lines were done already, 0 refused\n',
      err: '',
    })
    expect((await run(['import', file], env)).out).toContain(
      '0 new users, 0 users got something they had not, 2 lines were done',
    )
  })

  test('refused lines of an import go to a file that can be mended and imported, readable by this user alone', async () => {
    const { dir, file, env, take } = prepare(
      `${HEAD}\n1,wx1,oA,13800138000,"A, B"\n2,wx9,oB,,Bob\n3,wx1,oC\n,,,,\n4,,,13800138000,\n`,
    )
    const { code, out } = await take()
    const refusedFile = join(dir, 'users.refused.csv')
    expect(code).toBe(1)
    expect(JSON.parse(out)).toEqual({ made: 1, filled: 0, done: 0, refused: 4, dryRun: false, refusedFile })
    const text = readFileSync(refusedFile, 'utf8')
    expect(text.split('\n')).toEqual([
      '\ufeffexternal_id,appid,openid,unionid,phone,nickname,avatar_url,created_at,line,reason',
      '2,wx9,oB,,,Bob,,,3,"appid ""wx9"" is none of this service: wx1"',
      '3,wx1,oC,,,,,,4,"the line has 3 fields, and the first line names 5"',
      ',,,,,,,,5,"the line names nobody: it needs an external_id, an openid, a unionid or a phone"',
      expect.stringMatching(/^4,,,,13800138000,,,,6,"phone is the number of user [0-9a-f-]{36}, and stays there"$/),
      '',
    ])
    expect(statSync(refusedFile).mode & 0o777).toBe(0o600)
    writeFileSync(refusedFile, text.replace('wx9', 'wx1'))
    expect((await run(['import', refusedFile, '--json'], env)).out).toContain(
      '"made":2,"filled":0,"done":0,"refused":2',
    )
    // Nothing is refused any more: the file of the run before is gone.
    writeFileSync(file, `${HEAD}\n5,,,,\n`)
    expect((await take()).code).toBe(0)
    expect(statSync(refusedFile, { throwIfNoEntry: false })).toBeUndefined()
  })

  test('import --dry-run counts, writes down what would be refused, and imports nobody', async () => {
    const { dir, env, take } = prepare(`${HEAD}\n1,,,,Alice\n2,,,1.38E+10,Bob\n`, 'members')
    expect((await take('--dry-run')).out).toContain('"made":1,"filled":0,"done":0,"refused":1,"dryRun":true')
    expect(readFileSync(join(dir, 'members.refused.csv'), 'utf8')).toContain('shortened by a spreadsheet')
    expect(await nicknamesIn(env)).toEqual([])
  })

  test('an import leaves one event with its counts, which EVENTS_URL gets where there is one; a dry run leaves none', async () => {
    const { file, env } = prepare(`${HEAD}\n1,,,,Alice\n2,,,1.38E+10,Bob\n`)
    expect((await run(['import', file, '--dry-run'], env)).out).toMatch(
      /^a dry run: nobody was imported\n1 new users, .*\nrefused lines .* are in \S+users\.refused\.csv: .*\n$/,
    )
    await run(['import', file], env)
    await run(['import', file], { ...env, EVENTS_URL: 'https://crm.example.com/', HOOK_SECRET: 's'.repeat(16) })
    const db = openSqliteUsers(join(env.DATA_DIR, 'users.sqlite'))
    onTestFinished(() => db.destroy())
    const rows = await db.selectFrom('weapp_auth_events').selectAll().orderBy('id').execute()
    const told = rows.map(({ type, caused_by: by, data, due_at }) => ({ type, by, data, isDue: due_at !== null }))
    const event = { type: 'imported', by: operator() }
    expect(told).toEqual([
      { ...event, data: '{"made":1,"filled":0,"done":0,"refused":1}', isDue: false },
      { ...event, data: '{"made":0,"filled":0,"done":1,"refused":1}', isDue: true },
    ])
  })

  test.each([
    ['UTF-8', Buffer.from(`${HEAD}\n1,,,,小明\n`), ''],
    ['UTF-8 with a byte order mark, as Excel writes it', Buffer.from(`\ufeff${HEAD}\n1,,,,小明\n`), ''],
    ['GBK, as Excel writes it in China', Buffer.from(`${HEAD}\n1,,,,\xd0\xa1\xc3\xf7\n`, 'latin1'), 'is read as GBK'],
  ])('an import reads a file in %s', async (_, text, said) => {
    const { take, env } = prepare(text)
    expect(await take()).toMatchObject({ code: 0, err: expect.stringContaining(said) })
    expect(await nicknamesIn(env)).toEqual(['小明'])
  })

  test.each([
    ['UTF-8', Buffer.from('小明')],
    ['GBK', Buffer.from([0xd0, 0xa1, 0xc3, 0xf7])],
  ])('an import reads %s whose first Chinese character comes late, and lies in two chunks', async (_, name) => {
    // Node reads a file in chunks of 64 kB.
    const head = `${HEAD},note\n1,,,,,${'x'.repeat(40_000)}\n2,,,,,`
    const tail = '\n3,,,,'
    const filler = 'x'.repeat(64 * 1024 - 1 - head.length - tail.length)
    const { take, env } = prepare(Buffer.concat([Buffer.from(head + filler + tail), name, Buffer.from(',\n')]))
    expect((await take('--ignore-columns')).out).toContain('"made":3')
    expect(await nicknamesIn(env)).toEqual(['', '', '小明'])
  })

  test.each<[string, string | Buffer, string[], RegExp]>([
    ['in UTF-16', Buffer.from(`\ufeff${HEAD}\n`, 'utf16le'), [], /is written in UTF-16.*save it as “CSV UTF-8”/],
    [
      'in UTF-16 of the other byte order',
      Buffer.from(`\ufeff${HEAD}\n`, 'utf16le').swap16(),
      [],
      /is written in UTF-16/,
    ],
    ['that is no text', Buffer.from([0x31, 0xff, 0xff, 0x0a]), [], /is neither UTF-8 nor GBK/],
    [
      'that ends within a character',
      Buffer.from(`${HEAD}\n1,,,,\xd0`, 'latin1'),
      [],
      /is neither UTF-8 nor GBK, or is damaged/,
    ],
    ['that is empty', '', [], /users\.csv is empty/],
    [
      'without names of columns',
      '1,Alice\n',
      [],
      /^weapp-auth: the first line of .* must name the columns, some of external_id,appid,/,
    ],
    ['with semicolons', 'external_id;nickname\n1;a\n', [], /must name the columns.*separated by commas/],
    [
      'with a column that is not known',
      'external_id,vip\n1,yes\n',
      [],
      /^weapp-auth: \S+ has columns that say nothing here: vip; .*--ignore-columns/,
    ],
    ['with a column twice', 'phone,phone\n1,1\n', [], /^weapp-auth: \S+ has the column phone twice/],
    ['whose quote is never closed', `${HEAD}\n1,,,,"Alice\n${'2,,,,Bob\n'.repeat(9_000)}`, [], /is no CSV: /],
    ['with times of no zone', HEAD, ['--utc-offset', '8'], /--utc-offset must be like \+08:00/],
  ])('an import of a file %s is wrong use, and nobody is imported', async (_, text, options, message) => {
    const { take, env } = prepare(text)
    expect(await take(...options)).toMatchObject({ code: 2, out: '', err: expect.stringMatching(message) })
    await run(['migrate'], env)
    expect(await nicknamesIn(env)).toEqual([])
  })

  test('an import of a file that is not there, or with --refused onto a file that is, is wrong use', async () => {
    const { file, env, take } = prepare(`${HEAD}\n`)
    expect(await run(['import', `${file}x`], env)).toMatchObject({
      code: 2,
      err: expect.stringMatching(/there is no file/),
    })
    expect(await take('--refused', file)).toMatchObject({
      code: 2,
      err: expect.stringMatching(/must name another file/),
    })
  })

  test('an import ends with an error when its file is no text any more, because somebody writes to it meanwhile', async () => {
    const { file } = prepare(Buffer.from(`${HEAD}\n1,,,,\xff\n`, 'latin1'))
    const { lines } = readCsv(
      { path: file, size: 100, encoding: 'utf-8', ignoreColumns: false },
      { say: (english) => english },
    )
    await expect(Readable.from(lines).toArray()).rejects.toThrow('not valid')
  })

  test('import --ignore-columns takes the columns that are known', async () => {
    const { take, env } = prepare('vip,nickname,external_id\nyes,Alice,1\n')
    expect((await take('--ignore-columns')).code).toBe(0)
    expect(await nicknamesIn(env)).toEqual(['Alice'])
  })

  test('times of an import without a zone are those of China, unless --utc-offset says otherwise', async () => {
    const { dir, file, env } = prepare('external_id,created_at\n1,2024-05-01 08:00:00\n')
    const other = join(dir, 'other.csv')
    writeFileSync(other, 'external_id,created_at\n2,2024-05-01 08:00:00\n')
    await run(['import', file], env)
    await run(['import', other, '--utc-offset', 'Z'], env)
    const db = openSqliteUsers(join(env.DATA_DIR, 'users.sqlite'))
    onTestFinished(() => db.destroy())
    const rows = await db.selectFrom('weapp_auth_users').select('created_at').orderBy('external_id').execute()
    expect(rows.map((row) => new Date(Number(row.created_at)).toISOString())).toEqual([
      '2024-05-01T00:00:00.000Z',
      '2024-05-01T08:00:00.000Z',
    ])
  })

  test('another key ring than the one of the database ends an import before anything is sealed', async () => {
    const { take, env } = prepare(`${HEAD}\n1,,,13800138000,Alice\n`)
    await take()
    writeFileSync(join(env.DATA_DIR, 'session-keys'), `k1:${Buffer.alloc(32, 9).toString('base64')}`)
    expect(await take()).toMatchObject({ code: 1, err: expect.stringContaining('is not the key that sealed') })
  })

  test('a terminal shows how far an import is, on a line that is gone at the end', async () => {
    // The first line names nobody. What fills the lines makes a file of many chunks.
    const lines = Array.from({ length: 1_200 }, (_, index) => `${index || ''},Alice,${'x'.repeat(1_000)}`)
    const { dir, file, env } = prepare(`external_id,nickname,note\n${lines.join('\n')}\n`)
    // One line is done already, and of another the nickname is new.
    const known = join(dir, 'known.csv')
    writeFileSync(known, 'external_id,nickname\n1,Alice\n2,\n')
    await run(['import', known], env)
    const written: string[] = []
    const stderr = { isTTY: true, write: (text: string) => written.push(text) }
    const output = { env: { LANG: 'C', ...env }, stdout: { write: () => {} }, stderr }
    await runCli(['import', file, '--ignore-columns'], output)
    expect(written.find((text) => text.startsWith('\r'))).toMatch(
      /^\r[89]\d % {2}1000 lines, 1 refused, [1-9]\d* lines a second$/,
    )
    expect(written.at(-1)).toMatch(/^\r +\r$/)
  })
})
