import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { createSqliteSessionStore, openSqliteUsers } from '../../src/index.ts'
import { createSessions } from '../../src/sessions/sessions.ts'
import { openSqliteFile } from '../../src/sqlite-file.ts'
import { sessionStoreContract } from './session-store.contract.ts'

function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'weapp-auth-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return folder
}

describe('sessions in SQLite', () => {
  sessionStoreContract(async () => {
    const store = createSqliteSessionStore({ file: ':memory:' })
    onTestFinished(() => store.close())
    return { store, breakDown: () => store.close() }
  })

  it('sessions in SQLite survive a restart', async () => {
    const file = join(tempFolder(), 'sessions.sqlite')
    const start = () => {
      const store = createSqliteSessionStore({ file })
      return { store, sessions: createSessions({ store, idleSeconds: 60, absoluteSeconds: 600, now: Date.now }) }
    }
    const before = start()
    const { token, session } = await before.sessions.issue('user', { appid: 'wx1' })
    await before.store.close()
    const after = start()
    onTestFinished(() => after.store.close())
    expect(await after.sessions.get(token)).toEqual(session)
  })

  it('sessions in SQLite survive the process being killed', async () => {
    const file = join(tempFolder(), 'sessions.sqlite')
    const script = `
      import { createSqliteSessionStore } from '../../src/index.ts'
      const store = createSqliteSessionStore({ file: ${JSON.stringify(file)} })
      const nowMs = Date.now()
      const record = { id: 'id', userId: 'u', appid: 'wx1', createdAtMs: nowMs, lastSeenMs: nowMs }
      await store.create(record, { nowMs, idleMs: 60000, expiresAtMs: nowMs + 60000 })
      process.kill(process.pid, 'SIGKILL')`
    const run = promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
      cwd: import.meta.dirname,
    })
    await expect(run).rejects.toMatchObject({ signal: 'SIGKILL' })
    const store = createSqliteSessionStore({ file })
    onTestFinished(() => store.close())
    expect(await store.list('u', { nowMs: 0, idleMs: 10 })).toMatchObject([{ id: 'id' }])
  })

  it('SQLite keeps a login code claimed for ten minutes', async () => {
    const store = createSqliteSessionStore({ file: ':memory:' })
    onTestFinished(() => store.close())
    const claims = []
    for (const atMs of [0, 599_999, 600_000]) claims.push(await store.claimCode('digest', atMs))
    expect(claims).toEqual(['claimed', 'used', 'claimed'])
  })

  it('the store lets a message be claimed again five seconds after a claim that was neither settled nor released', async () => {
    const store = createSqliteSessionStore({ file: ':memory:' })
    onTestFinished(() => store.close())
    const nowMs = Date.now()
    expect(await store.claimMessage('m', 'c1', nowMs)).toBe('claimed')
    expect(await store.claimMessage('m', 'c2', nowMs + 4_999)).toBe('in_progress')
    expect(await store.claimMessage('m', 'c2', nowMs + 5_000)).toBe('claimed')
    await store.releaseMessage('m', 'c1')
    expect(await store.claimMessage('m', 'c3', nowMs + 5_001)).toBe('in_progress')
  })

  it('sessions that expired an idle lifetime ago are deleted when new ones are made', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    onTestFinished(() => void vi.useRealTimers())
    const store = createSqliteSessionStore({ file: ':memory:' })
    onTestFinished(() => store.close())
    const at = (id: string, nowMs: number) =>
      store.create(
        { id, userId: 'u', appid: 'wx1', createdAtMs: nowMs, lastSeenMs: nowMs },
        { nowMs, idleMs: 10, expiresAtMs: nowMs + 10 },
      )
    const ids = async () => (await store.list('u', { nowMs: 0, idleMs: 10 })).map(({ id }) => id)
    await at('old', 1_000)
    await at('new', 1_010)
    expect(await ids()).toEqual(['old', 'new'])
    vi.advanceTimersByTime(10)
    await at('newer', 1_020)
    expect(await ids()).toEqual(['old', 'new', 'newer'])
    vi.advanceTimersByTime(10)
    await at('newest', 1_030)
    expect(await ids()).toEqual(['newer', 'newest'])
  })

  it('the oldest session ends at the limit, also of sessions that were made in one millisecond or by a clock that was ahead', async () => {
    const store = createSqliteSessionStore({ file: ':memory:' })
    onTestFinished(() => store.close())
    const make = (id: string, nowMs: number) =>
      store.create(
        { id, userId: 'u', appid: 'wx1', createdAtMs: nowMs, lastSeenMs: nowMs },
        { nowMs, idleMs: 1_000, expiresAtMs: nowMs + 1_000 },
        { limit: 2 },
      )
    expect(await make('by a clock that was ahead', 9_000_000)).toEqual([])
    expect(await make('first', 1)).toEqual([])
    expect(await make('second', 1)).toEqual(['by a clock that was ahead'])
    expect(await make('third', 1)).toEqual(['first'])
    expect(await make('fourth', 2)).toEqual(['second'])
  })

  it('a session of a clock that was ahead says after the next sign-in that it began and was used then', async () => {
    const store = createSqliteSessionStore({ file: ':memory:' })
    onTestFinished(() => store.close())
    const make = (id: string, nowMs: number) =>
      store.create(
        { id, userId: 'u', appid: 'wx1', createdAtMs: nowMs, lastSeenMs: nowMs },
        { nowMs, idleMs: 1_000, expiresAtMs: nowMs + 1_000 },
      )
    await make('ahead', 9_000_000)
    await make('now', 5)
    expect(await store.find({ id: 'ahead', bucket: '' })).toMatchObject({ createdAtMs: 5, lastSeenMs: 5 })
  })

  it('a user who was blocked while the clock was ahead can sign in after the clock is right again', async () => {
    const store = createSqliteSessionStore({ file: ':memory:' })
    onTestFinished(() => store.close())
    const [nowMs, yearMs] = [1_000_000, 365 * 86_400_000]
    const make = (id: string) =>
      store.create(
        { id, userId: 'u', appid: 'wx1', createdAtMs: nowMs, lastSeenMs: nowMs },
        { nowMs, idleMs: 1_000, expiresAtMs: nowMs + 1_000 },
      )
    await store.block('u', 'b', { nowMs, expiresAtMs: nowMs + 60_000 })
    expect(await make('during the block')).toBeNull()
    await store.block('u', 'b', { nowMs: nowMs + yearMs, expiresAtMs: nowMs + yearMs + 60_000 })
    expect(await make('after it')).toEqual([])
  })

  it('claims and blocks that are over do not stay in the file', async () => {
    const file = join(tempFolder(), 'sessions.sqlite')
    const store = createSqliteSessionStore({ file })
    const late = 86_400_000
    for (const nowMs of [0, late]) {
      await store.claimCode(`code ${nowMs}`, nowMs)
      await store.claimMessage(`message ${nowMs}`, 'c', nowMs)
      await store.block(`user ${nowMs}`, 'b', { nowMs, expiresAtMs: nowMs + 60_000 })
    }
    await store.close()
    const db = openSqliteFile(file)
    onTestFinished(() => db.close())
    const read = (table: string, column: string) => db.prepare(`SELECT ${column} AS key FROM ${table}`).all()
    expect(read('code_claims', 'digest')).toEqual([{ key: `code ${late}` }])
    expect(read('message_claims', 'digest')).toEqual([{ key: `message ${late}` }])
    expect(read('user_marks', 'user_id')).toEqual([{ key: `user ${late}` }])
  })

  it('one ping in 100 ms writes to the file, however many are asked for', async () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    onTestFinished(() => void vi.useRealTimers())
    const file = join(tempFolder(), 'sessions.sqlite')
    const store = createSqliteSessionStore({ file })
    onTestFinished(() => store.close())
    const written = () => statSync(`${file}-wal`).size
    const before = written()
    await store.ping()
    const afterOne = written()
    expect(afterOne).toBeGreaterThan(before)
    for (let i = 0; i < 10; i++) await store.ping()
    expect(written()).toBe(afterOne)
    vi.advanceTimersByTime(100)
    await store.ping()
    expect(written()).toBeGreaterThan(afterOne)
  })

  it('the real service refuses a file with sessions of an emulated WeChat, and the other way round', async () => {
    const file = join(tempFolder(), 'sessions.sqlite')
    await createSqliteSessionStore({ file, world: 'emulated' }).close()
    const line = `${file} holds the data of an emulated WeChat, and this service works with the real WeChat`
    expect(() => createSqliteSessionStore({ file })).toThrow(line)
    await createSqliteSessionStore({ file, world: 'emulated' }).close()
  })

  it('what a statement has written is on the disk when it returns', () => {
    const db = openSqliteFile(join(tempFolder(), 'data.sqlite'))
    onTestFinished(() => db.close())
    // 2 is FULL: the write-ahead log is synced at each commit, so that a power cut takes nothing back.
    expect(db.prepare('PRAGMA synchronous').get()).toEqual({ synchronous: 2 })
    expect(db.prepare('PRAGMA journal_mode').get()).toEqual({ journal_mode: 'wal' })
  })
})

describe('an embedded database', () => {
  it.each([
    ['sessions', (file: string) => createSqliteSessionStore({ file }).close],
    ['users', (file: string) => () => openSqliteUsers(file).destroy()],
  ])(
    'an embedded database of %s cannot be opened by a second process, and the error names the file',
    async (_, open) => {
      const file = join(tempFolder(), 'data.sqlite')
      const first = createSqliteSessionStore({ file })
      expect(() => open(file)()).toThrow(`${file} is in use by another process`)
      await first.close()
      await open(file)()
    },
  )

  it('an embedded database in a folder that does not exist cannot be opened, and the error names the file', () => {
    const file = join(tempFolder(), 'missing', 'sessions.sqlite')
    expect(() => createSqliteSessionStore({ file })).toThrow(`cannot open the database ${file}: unable to open`)
  })
})
