import { expect, it, onTestFinished } from 'vitest'
import { createSqliteSessionStore } from '../../src/index.ts'
import { createSessions } from '../../src/sessions/sessions.ts'
import { bucketOf } from '../../src/sessions/token.ts'

it('a malformed token is refused before any store is asked', async () => {
  const store = createSqliteSessionStore({ file: ':memory:' })
  await store.close()
  const sessions = createSessions({ store, idleSeconds: 60, absoluteSeconds: 600, now: Date.now })
  await expect(sessions.get('wxs1.abc.short')).rejects.toMatchObject({ code: 'session_malformed' })
})

it('a sign-in that succeeded stays a success when the code cannot be noted as used', async () => {
  const store = createSqliteSessionStore({ file: ':memory:' })
  onTestFinished(() => store.close())
  store.settleCode = () => Promise.reject(new Error('down'))
  const sessions = createSessions({ store, idleSeconds: 60, absoluteSeconds: 600, now: Date.now })
  expect(await sessions.spendCode('wx1', 'code', async () => 'identity')).toBe('identity')
})

it('an idle lifetime longer than the absolute one is cut to it', async () => {
  const store = createSqliteSessionStore({ file: ':memory:' })
  onTestFinished(() => store.close())
  const sessions = createSessions({ store, idleSeconds: 600, absoluteSeconds: 60, now: Date.now })
  const issued = await sessions.issue('user', { appid: 'wx1' })
  expect(issued).toMatchObject({ expiresInSeconds: 60, absoluteExpiresInSeconds: 60 })
})

it('a session is found without its token: use moves its idle lifetime on, peek does not', async () => {
  const store = createSqliteSessionStore({ file: ':memory:' })
  onTestFinished(() => store.close())
  let nowMs = Date.now()
  const sessions = createSessions({ store, idleSeconds: 60, absoluteSeconds: 600, now: () => nowMs })
  const { session } = await sessions.issue('user', { appid: 'wx1' })
  const ref = { id: session.id, bucket: bucketOf('user') }
  nowMs += 30_000
  expect((await sessions.peek(ref)).expiresAtMs).toBe(session.expiresAtMs)
  expect((await sessions.use(ref)).expiresAtMs).toBe(nowMs + 60_000)
  expect((await sessions.peek(ref)).expiresAtMs).toBe(nowMs + 60_000)
  nowMs += 60_000
  for (const find of [sessions.peek, sessions.use]) await expect(find(ref)).rejects.toMatchObject({ statusCode: 401 })
})

it('a session that was used while the clock was ahead is not kept for longer than an idle lifetime from now', async () => {
  const store = createSqliteSessionStore({ file: ':memory:' })
  onTestFinished(() => store.close())
  let nowMs = Date.now()
  const sessions = createSessions({ store, idleSeconds: 60, absoluteSeconds: 6_000, now: () => nowMs })
  const { token, session } = await sessions.issue('user', { appid: 'wx1' })
  nowMs += 50_000
  await sessions.get(token)
  nowMs -= 40_000
  const found = await sessions.peek({ id: session.id, bucket: bucketOf('user') })
  expect(found).toMatchObject({ createdAtMs: session.createdAtMs, lastSeenMs: nowMs, expiresAtMs: nowMs + 60_000 })
})

it('a clock that is ahead for a moment makes nobody forget which users were erased', async () => {
  const store = createSqliteSessionStore({ file: ':memory:' })
  onTestFinished(() => store.close())
  let nowMs = Date.now()
  const sessions = createSessions({ store, idleSeconds: 60, absoluteSeconds: 600, now: () => nowMs })
  await sessions.noteErased('before')
  nowMs += 365 * 24 * 3_600_000
  await sessions.noteErased('meanwhile')
  nowMs -= 365 * 24 * 3_600_000
  await sessions.noteErased('afterwards')
  const erased = (await store.restore?.listErased({ skip: 0, limit: 10 })) ?? []
  expect(erased.map(({ userId }) => userId).sort()).toEqual(['afterwards', 'before', 'meanwhile'])
})

it('sign-ins of a blocked user are refused for a minute, and no longer than the user is blocked', async () => {
  const store = createSqliteSessionStore({ file: ':memory:' })
  onTestFinished(() => store.close())
  let nowMs = Date.now()
  const sessions = createSessions({ store, idleSeconds: 600, absoluteSeconds: 6_000, now: () => nowMs })
  const signIn = () =>
    sessions.issue('user', { appid: 'wx1' }).then(
      () => 'signed in',
      (error: Error) => error.name,
    )
  for (const [untilMs, lastsMs] of [
    [null, 60_000],
    [nowMs + 200_000, 60_000],
    [nowMs + 140_000, 20_000],
  ] as const) {
    await sessions.block('user', 'b', untilMs)
    nowMs += lastsMs - 1
    expect(await signIn()).toBe('UserChangedError')
    nowMs += 1
    expect(await signIn()).toBe('signed in')
  }
})
