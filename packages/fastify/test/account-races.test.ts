import { describe, expect, it } from 'vitest'
import type { RestoreSupport, SessionStore, UserStore } from '../src/index.ts'
import { type Service, startService } from './service.ts'

/** More than a sign-in, a disabling or an erasure has calls of the stores. */
const MOST_STEPS = 40

type Place = 'before' | 'after'
type Stop = (() => Promise<unknown>) | null

/**
 * A service whose calls of both stores can be stopped: `stopAt` runs `act` once, before or after the n-th call from then on.
 * `act` returns, and the call goes on, when it is done.
 */
async function startStoppable() {
  let calls = 0
  let at: { step: number; place: Place; act: Stop } = { step: -1, place: 'before', act: null }
  const stopHere = async (step: number, place: Place) => {
    const { act } = at
    if (!act || at.step !== step || at.place !== place) return
    at.act = null
    await act()
  }
  const stoppable = <S extends SessionStore | UserStore | RestoreSupport>(store: S): S => {
    const wrapped = { ...store } as Record<string, unknown>
    for (const [name, method] of Object.entries(store)) {
      if (name === 'findRemembered' || name === 'findWarnings' || name === 'close' || name === 'messages') continue
      if (name === 'restore') {
        wrapped[name] = stoppable(method)
        continue
      }
      wrapped[name] = async (...args: unknown[]) => {
        const step = calls++
        await stopHere(step, 'before')
        const answer = await (method as (...args: unknown[]) => unknown)(...args)
        await stopHere(step, 'after')
        return answer
      }
    }
    return wrapped as S
  }
  const plain = await startService()
  const service = await startService({
    sessions: stoppable(plain.sessions),
    users: stoppable(plain.users),
    wechatApiBaseUrl: plain.wechatBaseUrl,
  })
  return {
    /** The same stores, with nothing stopped. */
    plain,
    service: { ...service, world: plain.world } as Service,
    stopAt(step: number, place: Place, act: () => Promise<unknown>) {
      calls = 0
      at = { step, place, act }
    },
    wasStopped: () => at.act === null,
  }
}

/** Runs `play` for each place of what it does, until there is no such place any more. */
async function atEachStep(play: (stop: { step: number; place: Place }) => Promise<boolean>): Promise<void> {
  for (const place of ['before', 'after'] as const) {
    let step = 0
    while (await play({ step, place })) step++
    expect(step, 'so many steps were stopped at').toBeGreaterThan(2)
    expect(step).toBeLessThan(MOST_STEPS)
  }
}

async function signInAt({
  app,
  world,
}: Service): Promise<{ status: number; token?: string; userId?: string; code?: string }> {
  const appid = world.apps[0]?.appid ?? ''
  const { code } = world.login('alice', appid)
  const answer = await app.inject({ method: 'POST', url: '/v1/sessions', payload: { appid, code } })
  const body = answer.json()
  return { status: answer.statusCode, token: body.token, userId: body.user?.id, code: body.code }
}

async function isAlive({ app }: Service, token: string | undefined): Promise<boolean> {
  if (token === undefined) return false
  const answer = await app.inject({ url: '/v1/verify', headers: { authorization: `Bearer ${token}` } })
  return answer.statusCode === 204
}

describe('disabling a user', () => {
  it('a user who is disabled at any step of a sign-in keeps no session of it', async () => {
    const { plain, service, stopAt, wasStopped } = await startStoppable()
    const { userId } = await plain.signIn()
    await atEachStep(async ({ step, place }) => {
      stopAt(step, place, () => plain.app.weappAuth.disableUser(userId, { reason: 'x' }))
      const answer = await signInAt(service)
      if (!wasStopped()) return false
      expect(await isAlive(plain, answer.token), `stopped ${place} step ${step}`).toBe(false)
      if (answer.status !== 201) expect(answer).toMatchObject({ status: 403, code: 'user_disabled' })
      expect(await plain.app.weappAuth.list(userId)).toEqual([])
      await plain.app.weappAuth.enableUser(userId)
      const after = await plain.signIn()
      expect(after.userId).toBe(userId)
      return true
    })
  })

  it('a sign-in at any step of disabling the user leaves no session behind', async () => {
    const { plain, service, stopAt, wasStopped } = await startStoppable()
    const { userId } = await plain.signIn()
    await atEachStep(async ({ step, place }) => {
      stopAt(step, place, () => signInAt(plain))
      await service.app.weappAuth.disableUser(userId, { reason: 'x' })
      expect(await plain.app.weappAuth.list(userId), `stopped ${place} step ${step}`).toEqual([])
      await plain.app.weappAuth.enableUser(userId)
      return wasStopped()
    })
  })

  it('disabling that fails at any step is complete when it is asked for again', async () => {
    const { plain, service, stopAt, wasStopped } = await startStoppable()
    await atEachStep(async ({ step, place }) => {
      const { userId } = await plain.signIn()
      stopAt(step, place, () => Promise.reject(new Error('killed')))
      await service.app.weappAuth.disableUser(userId, { reason: 'x' }).catch(() => {})
      const goOn = wasStopped()
      stopAt(-1, place, async () => {})
      expect(await service.app.weappAuth.disableUser(userId, { reason: 'x' })).toBe(true)
      expect(await plain.app.weappAuth.list(userId)).toEqual([])
      expect(await signInAt(plain)).toMatchObject({ status: 403 })
      await plain.app.weappAuth.enableUser(userId)
      return goOn
    })
  })
})

describe('erasing a user', () => {
  it('an erasure at any step of a sign-in revives nobody: the sign-in is ended, or of a new user', async () => {
    const { plain, service, stopAt, wasStopped } = await startStoppable()
    await atEachStep(async ({ step, place }) => {
      const { userId: old } = await plain.signIn()
      stopAt(step, place, () => plain.app.weappAuth.eraseUser(old))
      const answer = await signInAt(service)
      const goOn = wasStopped()
      if (goOn) await expectGone(plain, old, answer, `stopped ${place} step ${step}`)
      await plain.app.weappAuth.eraseUser((await plain.signIn()).userId)
      return goOn
    })
  })

  it('a sign-in at any step of an erasure revives nobody', async () => {
    const { plain, service, stopAt, wasStopped } = await startStoppable()
    await atEachStep(async ({ step, place }) => {
      const { userId: old } = await plain.signIn()
      let answer: Awaited<ReturnType<typeof signInAt>> = { status: 0 }
      stopAt(step, place, async () => {
        answer = await signInAt(plain)
      })
      await service.app.weappAuth.eraseUser(old)
      await expectGone(plain, old, answer, `stopped ${place} step ${step}`)
      return wasStopped()
    })
  })

  it.each(['eraseUser', 'a sign-in'] as const)('an erasure that fails at any step is finished by %s', async (how) => {
    const { plain, service, stopAt, wasStopped } = await startStoppable()
    await atEachStep(async ({ step, place }) => {
      const { userId: old } = await plain.signIn()
      stopAt(step, place, () => Promise.reject(new Error('killed')))
      await service.app.weappAuth.eraseUser(old).catch(() => {})
      const goOn = wasStopped()
      const wasBegun = (await plain.users.findUser(old)) === null
      // Whoever was not marked yet is still there: a sign-in has nothing to finish.
      if (how === 'eraseUser' || !wasBegun) await plain.app.weappAuth.eraseUser(old)
      const answer = await signInAt(plain)
      await expectGone(plain, old, answer, `killed ${place} step ${step}`)
      return goOn
    })
  })
})

async function expectGone(
  plain: Service,
  old: string,
  answer: { token?: string; userId?: string; status: number },
  when: string,
) {
  expect(await plain.app.weappAuth.findUser(old), when).toBeNull()
  expect(await plain.users.findErasing(10), when).toEqual([])
  expect(await plain.app.weappAuth.list(old), when).toEqual([])
  const erased = (await plain.sessions.restore?.listErased({ skip: 0, limit: 100 })) ?? []
  expect(
    erased.map(({ userId }) => userId),
    when,
  ).toContain(old)
  if (answer.userId === old || answer.token === undefined) expect(await isAlive(plain, answer.token), when).toBe(false)
  else expect(await isAlive(plain, answer.token), when).toBe(true)
  if (answer.status !== 201) expect(answer, when).toMatchObject({ status: 0 })
}
