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
