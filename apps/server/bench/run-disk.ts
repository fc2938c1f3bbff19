// Measures what a user and an event take in the database, indexes included. See README.md.
import { randomBytes, randomUUID } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import {
  createEventId,
  createSessionKeyVault,
  createSqlEventStore,
  createSqlUserStore,
  generateVaultKey,
  migrateUsers,
  openSqliteUsers,
  type UsersDatabase,
} from '@weapp-auth/fastify'
import { startMariaDb, startPostgres } from '@weapp-auth/test-servers'
import { Kysely, sql } from 'kysely'
import { findServer } from '../src/stores.ts'
import { createDatabase } from './database.ts'

const { values: options } = parseArgs({
  options: {
    users: { type: 'string', default: '10000' },
    events: { type: 'string', default: '100000' },
    out: { type: 'string', default: join(import.meta.dirname, 'results') },
  },
})
const userCount = Number(options.users)
const eventCount = Number(options.events)

const APPID = 'wx0123456789abcdef'
/** As many sign-ins at a time as the service has connections. */
const CALLERS = 10
/** Events of one INSERT. */
const BATCH = 128

interface Measured {
  engine: string
  /** Of a user with an identity, a unionid and a sealed session_key. */
  userBytes: number
  /** Of the event of a sign-in. */
  eventBytes: number
}

/** An empty database, and how its size in bytes is asked. */
interface Database {
  db: Kysely<UsersDatabase>
  size(): Promise<number>
  close(): Promise<unknown>
}

const ENGINES: Record<string, () => Promise<Database>> = {
  SQLite: async () => {
    const dir = mkdtempSync(join(tmpdir(), 'weapp-auth-bench-'))
    const db = openSqliteUsers(join(dir, 'users.sqlite'))
    const pages = sql<{
      bytes: number
    }>`select page_count * page_size as bytes from pragma_page_count(), pragma_page_size()`
    return {
      db,
      size: async () => Number((await pages.execute(db)).rows[0]?.bytes),
      close: async () => {
        await db.destroy()
        rmSync(dir, { recursive: true })
      },
    }
  },
  PostgreSQL: async () => {
    const { url, stop } = await startPostgres()
    const sizes = sql<{ bytes: string }>`select sum(pg_total_relation_size(oid)) as bytes from pg_class
      where relkind = 'r' and relname like 'weapp_auth_%'`
    return openServer(url, async (db) => Number((await sizes.execute(db)).rows[0]?.bytes), stop)
  },
  MariaDB: async () => {
    const { url, stop } = await startMariaDb()
    const sizes = sql<{ bytes: string }>`select sum(file_size) as bytes from information_schema.innodb_sys_tablespaces
      where name like concat(database(), '/weapp_auth_%')`
    return openServer(url, async (db) => Number((await sizes.execute(db)).rows[0]?.bytes), stop)
  },
}

const measured: Measured[] = []
for (const [engine, open] of Object.entries(ENGINES)) {
  const { db, size, close } = await open()
  try {
    await migrateUsers(db, 'real')
    const emptyBytes = await size()
    const userIds = await makeUsers(db)
    const usersBytes = await size()
    await writeEvents(db, userIds)
    const userBytes = (usersBytes - emptyBytes) / userCount
    const eventBytes = ((await size()) - usersBytes) / eventCount
    measured.push({ engine, userBytes, eventBytes })
    process.stderr.write(`${engine}: ${Math.round(userBytes)} bytes a user, ${Math.round(eventBytes)} an event\n`)
  } finally {
    await close()
  }
}
const table = toTable()
mkdirSync(options.out, { recursive: true })
const report = { measuredAt: new Date().toISOString(), users: userCount, events: eventCount, measured }
writeFileSync(join(options.out, 'disk.json'), `${JSON.stringify(report, null, 2)}\n`)
writeFileSync(join(options.out, 'disk.md'), table)
process.stdout.write(`\n${table}\n${options.out}\n`)

async function openServer(
  serverUrl: string,
  sizeOf: (db: Kysely<UsersDatabase>) => Promise<number>,
  stop: () => Promise<unknown>,
): Promise<Database> {
  const server = await findServer(await createDatabase(serverUrl))
  const { dialect, end } = server.connect(() => {})
  const db = new Kysely<UsersDatabase>({ dialect })
  return { db, size: () => sizeOf(db), close: () => end().then(stop) }
}

async function makeUsers(db: Kysely<UsersDatabase>): Promise<string[]> {
  const users = createSqlUserStore({ db, vault: createSessionKeyVault({ keys: generateVaultKey() }) })
  const ids: string[] = []
  await Promise.all(
    Array.from({ length: CALLERS }, async (_, caller) => {
      for (let n = caller; n < userCount; n += CALLERS) {
        // As long as WeChat's are.
        const [openid, unionid] = ['o', 'u'].map((kind) => `${kind}${randomBytes(20).toString('base64url')}`)
        const sessionKey = randomBytes(16).toString('base64')
        const identity = { openid: openid as string, unionid: unionid as string, sessionKey }
        const signedIn = await users.signIn(APPID, identity, Date.now())
        if ('user' in signedIn) ids.push(signedIn.user.id)
      }
    }),
  )
  return ids
}

async function writeEvents(db: Kysely<UsersDatabase>, userIds: readonly string[]): Promise<void> {
  const store = createSqlEventStore({ db })
  for (let from = 0; from < eventCount; from += BATCH) {
    const batch = Array.from({ length: Math.min(BATCH, eventCount - from) }, (_, n) => {
      const atMs = Date.now()
      return {
        id: createEventId(atMs),
        atMs,
        type: 'sign_in' as const,
        by: 'user' as const,
        userId: userIds[(from + n) % userIds.length] ?? null,
        otherUserId: null,
        data: { appid: APPID, sessionId: randomBytes(32).toString('base64url'), isNew: false, requestId: randomUUID() },
      }
    })
    await store.append(batch)
  }
}

function toTable(): string {
  const lines = measured.map(
    ({ engine, userBytes, eventBytes }) => `| ${engine} | ${Math.round(userBytes)} | ${Math.round(eventBytes)} |`,
  )
  const head = '| bytes on the disk, indexes included | a user | the event of a sign-in |'
  return `${[head, '| --- | ---: | ---: |', ...lines].join('\n')}\n`
}
