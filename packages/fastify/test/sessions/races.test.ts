import { randomUUID } from 'node:crypto'
import type {} from '@weapp-auth/test-servers'
import fc from 'fast-check'
import { Redis } from 'ioredis'
import { describe, expect, inject, it, onTestFinished } from 'vitest'
import { createRedisSessionStore, createSqliteSessionStore, type SessionStore } from '../../src/index.ts'
import { createSessions, type Sessions, UserChangedError } from '../../src/sessions/sessions.ts'
import { bucketOf } from '../../src/sessions/token.ts'

/** Against each store, a fifth of it command by command; they take some twenty seconds. `WEAPP_AUTH_RUNS` for another number. */
const RUNS = Number(process.env.WEAPP_AUTH_RUNS ?? 10_000)
const IDLE_SECONDS = 1_000
/** So much passes from one action to the next that a use of the session is written down. */
const STEP_MS = 101_000
const LIMIT = 3

type Action =
  | { do: 'login'; user: number; replaces: number }
  | { do: 'use' | 'revoke'; session: number }
  | { do: 'revokeAll'; user: number; keep: number }
  | { do: 'disable' | 'enable'; user: number }
  | { do: 'setExternalId'; user: number; externalId: string | null }

const user = fc.nat({ max: 1 })
const session = fc.nat({ max: 5 })
const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('login' as const), user, replaces: fc.integer({ min: -6, max: 5 }) }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('use' as const), session }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('revoke' as const), session }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('revokeAll' as const), user, keep: fc.integer({ min: -6, max: 5 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('disable' as const, 'enable' as const), user }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('setExternalId' as const),
      user,
      externalId: fc.constantFrom(null, 'e1', 'e"2\\'),
    }),
  },
)

interface Issued {
  user: string
  id: string
  token: string
}

/** Whatever order the calls and answers of these actions come in, what was ended stays so and nobody is left out. */
async function play(
  store: SessionStore,
  actions: readonly Action[],
  scheduler: fc.Scheduler,
  settle: () => void = () => {},
) {
  let nowMs = Date.now()
  const options = { idleSeconds: IDLE_SECONDS, absoluteSeconds: 10 * IDLE_SECONDS, limit: LIMIT, now: () => nowMs }
  const sessions = createSessions({ store: interleave(store, scheduler), ...options })
  const users = [randomUUID(), randomUUID()] as const
  /** What the store of users has. */
  const rows = users.map(() => ({ externalId: null as string | null, blockId: null as string | null }))
  /** One change of a user after the other, as an operator makes them. */
  const changes = users.map(() => Promise.resolve())
  const issued: Issued[] = []
  const ended = new Set<string>()

  const perform = async (action: Action) => {
    nowMs += STEP_MS
    if (action.do === 'login') {
      const user = users[action.user] ?? ''
      const replaces = issued[action.replaces]
      const row = rows[action.user]
      for (let isChanged = true; isChanged && row?.blockId === null; ) {
        try {
          const { token, session } = await sessions.issue(user, {
            appid: 'wx1',
            externalId: row.externalId,
            ...(replaces && { replaces: replaces.token }),
          })
          issued.push({ user, id: session.id, token })
          if (replaces) ended.add(replaces.id)
          isChanged = false
        } catch (error) {
          if (!(error instanceof UserChangedError)) throw error
        }
      }
    } else if (action.do === 'disable' || action.do === 'enable' || action.do === 'setExternalId') {
      const change = changes[action.user]?.then(() => changeUser(action))
      if (change) changes[action.user] = change
      await change
    } else if (action.do === 'revokeAll') {
      const user = users[action.user] ?? ''
      const kept = issued[action.keep]?.id
      const before = issued.filter((each) => each.user === user && each.id !== kept)
      await sessions.revokeAll(user, 'admin', { except: kept })
      for (const { id } of before) ended.add(id)
    } else if (action.do === 'use' || action.do === 'revoke') {
      const one = issued[action.session]
      if (!one) return
      const isOver = ended.has(one.id)
      if (action.do === 'use' && (await isAlive(sessions, one))) expect(isOver).toBe(false)
      if (action.do === 'revoke' && (await sessions.revoke(one.user, one.id, 'admin'))) ended.add(one.id)
    }
  }
  const changeUser = async (action: Extract<Action, { do: 'disable' | 'enable' | 'setExternalId' }>) => {
    const [user, row] = [users[action.user], rows[action.user]]
    if (user === undefined || !row) return
    if (action.do === 'setExternalId') {
      row.externalId = action.externalId
      await sessions.setExternalId(user, action.externalId)
    } else if (action.do === 'disable') {
      row.blockId = randomUUID()
      await sessions.block(user, row.blockId, null)
      await sessions.revokeAll(user, 'admin')
    } else if (row.blockId !== null) {
      const { blockId } = row
      row.blockId = null
      await sessions.unblock(user, blockId)
    }
  }
  // In groups, so that later actions find sessions that earlier ones made.
  for (let i = 0; i < actions.length; i += 4) {
    const group = Promise.all(actions.slice(i, i + 4).map(perform))
    await scheduler.waitFor(group)
  }
  settle()

  const direct = createSessions({ store, ...options })
  const states = await Promise.all(issued.map(async (one) => ({ ...one, alive: await isAlive(direct, one) })))
  const alive = states.filter(({ alive }) => alive)
  expect(alive.filter(({ id }) => ended.has(id))).toEqual([])
  for (const [i, user] of users.entries()) {
    const live = await direct.list(user)
    if (rows[i]?.blockId !== null) expect(live).toEqual([])
    for (const { externalId = null } of live) expect(externalId).toBe(rows[i]?.externalId)
    const listed = live.map(({ id }) => id)
    expect(listed.sort()).toEqual(alive.flatMap((one) => (one.user === user ? one.id : [])).sort())
    expect(listed.length).toBeLessThanOrEqual(LIMIT)
  }
  return { users, issued, direct }
}

async function isAlive(sessions: Sessions, { token }: Issued): Promise<boolean> {
  try {
    await sessions.get(token)
    return true
  } catch (error) {
    expect(error).toMatchObject({ code: expect.stringMatching(/^session_(invalid|revoked)$/) })
    return false
  }
}

/** Holds every call back before it reaches the store, and its answer after, until the scheduler's turn. */
function interleave(store: SessionStore, scheduler: fc.Scheduler): SessionStore {
  const hold = <A extends unknown[], T>(call: (...args: A) => Promise<T>) => {
    return async (...args: A): Promise<T> => {
      await scheduler.schedule(Promise.resolve())
      const answer = await call(...args)
      await scheduler.schedule(Promise.resolve())
      return answer
    }
  }
  const { create, find, touch, revoke, revokeAll, block, unblock, setExternalId } = store
  return {
    ...store,
    create: hold(create),
    find: hold(find),
    touch: hold(touch),
    revoke: hold(revoke),
    revokeAll: hold(revokeAll),
    block: hold(block),
    unblock: hold(unblock),
    setExternalId: hold(setExternalId),
  }
}

/** Scripts of several keys: refused while the slot of these keys moves. */
const OF_SEVERAL_KEYS = ['weappAuthCreate', 'weappAuthTouch', 'weappAuthEnd', 'weappAuthRewrite']
const OF_ONE_KEY = ['weappAuthIndex', 'weappAuthEntries', 'weappAuthMark', 'weappAuthMarkUser', 'weappAuthUnmarkUser']
const COMMANDS = ['get', 'mget', 'set', 'zrem', ...OF_ONE_KEY, ...OF_SEVERAL_KEYS]

/** Holds every command back, and its answer; `isMoving` says of each script of several keys whether it is refused. */
function interleaveCommands(redis: Redis, held: { scheduler: fc.Scheduler | null; isMoving: () => boolean }): Redis {
  return new Proxy(redis, {
    get(target, name) {
      const value = Reflect.get(target, name)
      if (typeof name === 'symbol' || !COMMANDS.includes(name)) return value
      return async (...args: unknown[]) => {
        const { scheduler, isMoving } = held
        if (!scheduler) return value.apply(target, args)
        await scheduler.schedule(Promise.resolve())
        if (OF_SEVERAL_KEYS.includes(name) && args[0] !== 1 && isMoving())
          throw new Error('TRYAGAIN Multiple keys request')
        const answer = await value.apply(target, args)
        await scheduler.schedule(Promise.resolve())
        return answer
      }
    },
  })
}

const plays = [fc.array(action, { minLength: 2, maxLength: 12 }), fc.scheduler()] as const

describe('sessions in every interleaving', () => {
  it('no interleaving brings back an ended session in SQLite, and every live session is listed', {
    timeout: 300_000,
  }, async () => {
    const store = createSqliteSessionStore({ file: ':memory:' })
    onTestFinished(() => store.close())
    await fc.assert(
      fc.asyncProperty(...plays, async (actions, scheduler) => {
        const { users, direct } = await play(store, actions, scheduler)
        for (const user of users) await direct.revokeAll(user, 'admin')
        expect((await Promise.all(users.map((user) => direct.list(user)))).flat()).toEqual([])
      }),
      { numRuns: RUNS },
    )
  })

  it.skipIf(inject('redisUrl') === null)(
    'no interleaving brings back an ended session in Redis, every live session is listed, and every key has a lifetime',
    { timeout: 600_000 },
    async () => {
      const redis = new Redis(inject('redisUrl') ?? '', { enableAutoPipelining: true })
      onTestFinished(() => redis.disconnect())
      const keyPrefix = `test-${randomUUID()}:`
      const store = createRedisSessionStore({ redis, keyPrefix })
      await fc.assert(
        fc.asyncProperty(...plays, async (actions, scheduler) => {
          const { users, issued, direct } = await play(store, actions, scheduler)
          const index = (user: string) => `${keyPrefix}u{${bucketOf(user)}}:${user}`
          const mark = (user: string) => `${keyPrefix}m{${bucketOf(user)}}:${user}`
          const keys = [
            ...issued.map(({ user, id }) => `${keyPrefix}{${bucketOf(user)}}:${id}`),
            ...users.map(index),
            ...users.map(mark),
          ]
          // -2: there is no such key.
          for (const ttlMs of await Promise.all(keys.map((key) => redis.pttl(key)))) expect(ttlMs).not.toBe(-1)
          for (const user of users) await direct.revokeAll(user, 'admin')
          expect(await redis.exists(...users.map(index))).toBe(0)
          await redis.del(keys)
        }),
        { numRuns: RUNS },
      )
    },
  )

  it.skipIf(inject('redisUrl') === null)(
    'no interleaving of single commands brings back an ended session in Redis, also while a slot moves',
    { timeout: 600_000 },
    async () => {
      const redis = new Redis(inject('redisUrl') ?? '')
      onTestFinished(() => redis.disconnect())
      const held: Parameters<typeof interleaveCommands>[1] = { scheduler: null, isMoving: () => false }
      const store = createRedisSessionStore({
        redis: interleaveCommands(redis, held),
        keyPrefix: `test-${randomUUID()}:`,
      })
      const moving = fc.infiniteStream(fc.boolean())
      await fc.assert(
        fc.asyncProperty(...plays, moving, async (actions, scheduler, isMoving) => {
          held.scheduler = scheduler
          held.isMoving = () => isMoving.next().value === true
          const { users, direct } = await play(store, actions, scheduler, () => {
            held.scheduler = null
          })
          for (const user of users) await direct.revokeAll(user, 'admin')
          expect((await Promise.all(users.map((user) => direct.list(user)))).flat()).toEqual([])
        }),
        { numRuns: RUNS / 5 },
      )
    },
  )
})
