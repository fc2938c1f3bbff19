import { expect, it } from 'vitest'
import { EMPTY_PROFILE } from '../../src/users/profile.ts'
import { createRecentUsers } from '../../src/users/recent-users.ts'
import type { User, UserStore } from '../../src/users/users.ts'

const NEW = { profile: EMPTY_PROFILE, externalId: null, disabled: null }

function open() {
  const clock = { nowMs: 1_000_000 }
  const asked: string[] = []
  const store: { find: (userId: string) => Promise<User | null> } = {
    find: async (id) => ({ id, createdAtMs: 0, ...NEW }),
  }
  const users = {
    findUser: (userId: string) => {
      asked.push(userId)
      return store.find(userId)
    },
  } as UserStore
  return { clock, asked, store, recent: createRecentUsers({ users, now: () => clock.nowMs }) }
}

it('a user is read once for everybody who asks within 10 s, and again after that or when the clock was put back', async () => {
  const { clock, asked, recent } = open()
  await Promise.all(Array.from({ length: 10 }, () => recent.find('u1')))
  clock.nowMs += 9_999
  expect(await recent.find('u1')).toMatchObject({ id: 'u1' })
  expect(asked).toEqual(['u1'])
  clock.nowMs += 1
  await recent.find('u1')
  clock.nowMs -= 60_000
  await recent.find('u1')
  expect(asked).toEqual(['u1', 'u1', 'u1'])
})

it('a user that was changed is read anew, also when an older answer is still under way', async () => {
  const { asked, store, recent } = open()
  const answers: ((user: User) => void)[] = []
  store.find = () => new Promise((resolve) => answers.push(resolve))
  const before = recent.find('u1')
  recent.forget('u1')
  const after = recent.find('u1')
  answers[1]?.({ id: 'u1', createdAtMs: 2, ...NEW })
  answers[0]?.({ id: 'u1', createdAtMs: 1, ...NEW })
  expect([await before, await after]).toMatchObject([{ createdAtMs: 1 }, { createdAtMs: 2 }])
  expect(await recent.find('u1')).toMatchObject({ createdAtMs: 2 })
  expect(asked).toHaveLength(2)
})

it('neither a failure nor the absence of a user is remembered', async () => {
  const { asked, store, recent } = open()
  const { find } = store
  store.find = () => Promise.reject(new Error('down'))
  await expect(recent.find('u1')).rejects.toThrow('down')
  store.find = async () => null
  expect(await recent.find('u1')).toBeNull()
  store.find = find
  expect(await recent.find('u1')).toMatchObject({ id: 'u1' })
  expect(asked).toHaveLength(3)
})

it('no more than 10 000 users are remembered', async () => {
  const { asked, recent } = open()
  for (let i = 0; i <= 10_000; i++) await recent.find(`u${i}`)
  await recent.find('u1')
  expect(asked).toHaveLength(10_001)
  await recent.find('u0')
  expect(asked).toHaveLength(10_002)
})
