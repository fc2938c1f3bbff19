import type { FastifyInstance } from 'fastify'
import { type Kysely, sql } from 'kysely'
import { expect, inject, it, onTestFinished, vi } from 'vitest'
import {
  ApiError,
  createSessionKeyVault,
  createSqlEventStore,
  createSqlPhoneStore,
  createSqlUserStore,
  type EventsOptions,
  generateVaultKey,
  type UsersDatabase,
} from '../../src/index.ts'
import { ENGINES, openSqlite } from '../databases.ts'
import { APPID, type ServiceOptions, startService } from '../service.ts'

/** The plugin with events, in a database of its own. */
async function start(options: ServiceOptions & { days?: number; db?: Kysely<UsersDatabase> } = {}) {
  const { days, db = await openOwn(), ...rest } = options
  const store = createSqlEventStore({ db })
  const vault = createSessionKeyVault({ keys: generateVaultKey() })
  const users = createSqlUserStore({ db, vault, events: store })
  const events: EventsOptions = { store, ...(days !== undefined && { days }) }
  const service = await startService({ users, events, ...rest })
  return { ...service, db, store, written: (count: number) => writtenBy(service.app, db, count) }
}

async function openOwn(): Promise<Kysely<UsersDatabase>> {
  const { db, close } = await openSqlite()
  onTestFinished(close)
  return db
}

/** What stands in the table after the stop, oldest first. */
async function writtenBy(app: FastifyInstance, db: Kysely<UsersDatabase>, count: number) {
  await app.close()
  const rows = await db.selectFrom('weapp_auth_events').selectAll().orderBy('id').execute()
  expect(rows).toHaveLength(count)
  return rows.map(({ type, caused_by: by, user_id: userId, data }) => ({ type, by, userId, ...JSON.parse(data) }))
}

it('a sign-in, a sign-out and the end of a session are written with what finds them again', async () => {
  const { app, signIn, written } = await start()
  const first = await signIn()
  const second = await signIn()
  await app.inject({ method: 'DELETE', url: `/v1/sessions/${first.sessionId}`, headers: second.headers })
  await app.inject({ method: 'DELETE', url: '/v1/session', headers: second.headers })
  await app.weappAuth.issue(first.userId, { appid: APPID, by: 'service:crm' })
  await app.weappAuth.revokeAll(first.userId, { by: 'operator:root' })
  await app.weappAuth.revokeAll(first.userId)
  const { userId } = first
  const signedIn = { type: 'sign_in', by: 'user', userId, appid: APPID, requestId: expect.any(String) }
  expect(await written(6)).toEqual([
    { ...signedIn, isNew: true, sessionId: first.sessionId },
    { ...signedIn, isNew: false, sessionId: second.sessionId },
    { type: 'session_ended', by: 'user', userId, reason: 'signed_out_elsewhere', sessionId: first.sessionId },
    { type: 'sign_out', by: 'user', userId, sessionId: second.sessionId },
    { type: 'sign_in', by: 'service:crm', userId, appid: APPID, sessionId: expect.any(String), isNew: false },
    { type: 'session_ended', by: 'operator:root', userId, reason: 'admin', count: 1 },
  ])
})

it('sessions that give way to a new one are written with the reason', async () => {
  const { app, world, signIn, written } = await start({ sessionLimit: 2 })
  const first = await signIn()
  await signIn()
  const { code } = world.login('alice', APPID)
  const payload = { appid: APPID, code }
  await app.inject({ method: 'POST', url: '/v1/sessions', headers: first.headers, payload })
  await signIn()
  const ended = (await written(6)).filter(({ type }) => type === 'session_ended')
  expect(ended).toMatchObject([{ reason: 'replaced', sessionId: first.sessionId }, { reason: 'limit' }])
})

it('a refused sign-in is written with the code, and with the user where there is one', async () => {
  const { app, world, sessions, signIn, written } = await start({
    onSignIn: (_user, isNew) => {
      if (!isNew) throw new ApiError('user_disabled', 'banned')
    },
  })
  const { userId } = await signIn()
  const used = world.login('alice', APPID).code
  const post = (code: string) => app.inject({ method: 'POST', url: '/v1/sessions', payload: { appid: APPID, code } })
  expect((await post(used)).statusCode).toBe(403)
  expect((await post(used)).statusCode).toBe(409)
  expect((await post('0000000000000000000000000000000a')).statusCode).toBe(400)
  expect((await post('')).statusCode).toBe(400)
  // An outage says nothing about the user.
  sessions.create = () => Promise.reject(new ApiError('store_unavailable', 'away'))
  expect((await post(world.login('bob', APPID).code)).json()).toMatchObject({ code: 'store_unavailable' })
  const refused = { type: 'sign_in_refused', by: 'user', appid: APPID, requestId: expect.any(String) }
  expect((await written(4)).slice(1)).toEqual([
    { ...refused, userId, code: 'user_disabled' },
    { ...refused, userId: null, code: 'code_used' },
    { ...refused, userId: null, code: 'code_invalid', errcode: 40029 },
  ])
})

it('what a phone changes about itself is by the user, what the host changes by the host', async () => {
  const db = await openOwn()
  const vault = createSessionKeyVault({ keys: generateVaultKey() })
  const phones = { store: createSqlPhoneStore({ db, vault, events: createSqlEventStore({ db }) }) }
  const { app, world, signIn, written } = await start({ db, phones })
  const { userId, headers } = await signIn()
  const { id } = await app.weappAuth.createUser()
  await app.weappAuth.linkIdentity(id, APPID, world.login('bob', APPID).code)
  await app.weappAuth.setPhone(id, { number: '13800138000', countryCode: '86' })
  await app.weappAuth.setPhone(id, null)
  await app.inject({ method: 'POST', url: '/v1/me/profile', headers, payload: { nickname: 'canary' } })
  world.phones.set('alice', { number: '13900139000' })
  const payload = { code: world.phones.issueCode('alice', APPID).code }
  await app.inject({ method: 'POST', url: '/v1/me/phone', headers, payload })
  await app.inject({ method: 'DELETE', url: '/v1/me/phone', headers })
  await app.weappAuth.setExternalId(userId, 'crm-1')
  await app.weappAuth.disableUser(userId, { reason: 'spam' })
  await app.weappAuth.enableUser(userId)
  const again = await signIn()
  await app.inject({ method: 'DELETE', url: '/v1/me', headers: again.headers })
  const rows = await written(14)
  expect(rows.map(({ type, by }) => `${type} by ${by}`).sort()).toEqual([
    'identity_linked by host',
    'phone_bound by host',
    'phone_bound by user',
    'phone_unbound by host',
    'phone_unbound by user',
    'profile_changed by host',
    'profile_changed by user',
    'session_ended by host',
    'session_ended by user',
    'sign_in by user',
    'sign_in by user',
    'user_disabled by host',
    'user_enabled by host',
    'user_erased by user',
  ])
  expect(JSON.stringify(rows)).not.toContain('canary')
})

it('an externalId that a sign-in cannot take is written, and the sign-in goes on', async () => {
  const { app, signIn, store, written } = await start({ onSignIn: () => ({ externalId: 'one' }) })
  const { userId } = await signIn()
  const bob = await signIn('bob')
  await app.weappAuth.setExternalId(userId, 'two')
  await signIn()
  const rows = await written(7)
  const conflict = { type: 'external_id_conflict', by: 'host' }
  expect(rows.filter(({ type }) => type === 'external_id_conflict')).toEqual([
    { ...conflict, userId: bob.userId, reason: 'taken' },
    { ...conflict, userId, reason: 'different' },
  ])
  const others = (await store.list({ type: 'external_id_conflict', limit: 2 })).map(({ otherUserId }) => otherUserId)
  expect(others).toEqual([null, userId])
  expect(rows.filter(({ type }) => type === 'profile_changed')).toMatchObject([{ by: 'host' }, { by: 'host' }])
})

it('a table that is away stops no sign-in, and what happened meanwhile is written later', async () => {
  const { db, signIn, written } = await start()
  await sql`alter table weapp_auth_events rename to hidden`.execute(db)
  const phones = [await signIn('alice'), await signIn('bob'), await signIn('alice')]
  expect(new Set(phones.map(({ userId }) => userId)).size).toBe(2)
  await sql`alter table hidden rename to weapp_auth_events`.execute(db)
  expect((await written(3)).map(({ type }) => type)).toEqual(['sign_in', 'sign_in', 'sign_in'])
})

it.skipIf(inject('databaseUrl') === null)('a table that is locked stops no sign-in', async () => {
  const [, openPostgres = openSqlite] = ENGINES.find(([name]) => name === 'PostgreSQL') ?? []
  const { db, close } = await openPostgres()
  onTestFinished(close)
  const { signIn, written } = await start({ db })
  const lock = await db.startTransaction().execute()
  await sql`lock table weapp_auth_events in access exclusive mode`.execute(lock)
  await signIn('alice')
  const waiting = sql<{ n: number }>`select count(*)::int as n from pg_locks where not granted
    and relation = 'weapp_auth_events'::regclass`
  await expect.poll(async () => (await waiting.execute(db)).rows[0]?.n, { timeout: 20_000 }).toBe(1)
  for (const user of ['bob', 'carol', 'alice']) await signIn(user)
  await lock.commit().execute()
  expect(await written(4)).toHaveLength(4)
})

it('events are written at the stop, and read by the host in pages', async () => {
  const { app, signIn, store } = await start()
  const { userId } = await signIn()
  await app.close()
  expect(await store.list({ userId, limit: 10 })).toMatchObject([{ type: 'sign_in' }])
  expect(await app.weappAuth.listEvents({ userId, type: 'sign_in' })).toHaveLength(1)
  await expect(app.weappAuth.listEvents({ limit: 0 })).rejects.toThrow('limit must be a whole number from 1 to 1000')
  const plain = await startService()
  await expect(plain.app.weappAuth.listEvents()).rejects.toThrow('give weappAuth the option events')
})

it('a table that is away at the stop stands in the log, and so does how many events are lost', async () => {
  const lines: string[] = []
  const stream = { write: (line: string) => void lines.push(line) }
  const { app, db, signIn } = await start({ server: { logger: { level: 'warn', stream } } })
  await signIn()
  await sql`alter table weapp_auth_events rename to hidden`.execute(db)
  await app.close()
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { reason: expect.stringContaining('weapp_auth_events'), msg: 'events cannot be written, trying again' },
    { lost: 1, msg: 'events could not be written before the stop, and are lost' },
  ])
})

it('old events are looked for each minute, until the stop', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  onTestFinished(() => void vi.useRealTimers())
  const { app, store } = await start()
  const deletions = vi.spyOn(store, 'deleteBefore')
  await vi.advanceTimersByTimeAsync(60_000)
  await expect.poll(() => deletions.mock.calls.length).toBe(1)
  await app.close()
  await vi.advanceTimersByTimeAsync(120_000)
  expect(deletions).toHaveBeenCalledTimes(1)
})

it('days that are no number of days are refused at the start', async () => {
  for (const days of [0, 1.5, 36_501]) {
    await expect(start({ days })).rejects.toThrow('events.days must be a whole number from 1 to 36500')
  }
  for (const days of [1, 36_500]) await start({ days })
})
