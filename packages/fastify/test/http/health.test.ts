import { describe, expect, it, type Mock, vi } from 'vitest'
import type { UserStore } from '../../src/index.ts'
import { startService } from '../service.ts'

const down = () => Promise.reject(new Error('down'))
/** A user store that has been away since the start. */
const fakeUsers = () => ({ ping: vi.fn<() => Promise<void>>(down) }) as UserStore & { ping: Mock<() => Promise<void>> }

describe('GET /readyz', () => {
  it('GET /readyz is 503 until the user store has answered once, and that is noticed without a request', async () => {
    const users = fakeUsers()
    const { app } = await startService({ users })
    const answer = await app.inject('/readyz')
    expect([answer.statusCode, answer.json()]).toEqual([
      503,
      { status: 'unavailable', stores: { sessions: 'up', users: 'down' } },
    ])
    expect(answer.headers['cache-control']).toBe('no-store')
    const asked = users.ping.mock.calls.length
    users.ping.mockResolvedValueOnce()
    await expect.poll(() => users.ping.mock.calls.length).toBeGreaterThan(asked)
    await expect
      .poll(async () => (await app.inject('/readyz')).json())
      .toEqual({
        status: 'ready',
        stores: { sessions: 'up', users: 'down' },
      })
  })

  it('GET /readyz shows the warnings of the session store', async () => {
    const { app, sessions } = await startService()
    sessions.findWarnings = () => ['the memory is nearly full']
    expect((await app.inject('/readyz')).json()).toEqual({
      status: 'ready',
      stores: { sessions: 'up', users: 'up' },
      warnings: ['the memory is nearly full'],
    })
  })

  it('GET /readyz says which stores answer', async () => {
    const { app } = await startService()
    const answer = await app.inject('/readyz')
    expect([answer.statusCode, answer.json()]).toEqual([
      200,
      { status: 'ready', stores: { sessions: 'up', users: 'up' } },
    ])
  })

  it('GET /readyz stays 200 while the user store is away, because signed-in users keep working', async () => {
    const { app, users } = await startService()
    users.ping = down
    const answer = await app.inject('/readyz')
    expect([answer.statusCode, answer.json()]).toEqual([
      200,
      { status: 'ready', stores: { sessions: 'up', users: 'down' } },
    ])
  })

  it('GET /readyz is 503 while the session store is away, and when a store hangs', async () => {
    const { app, sessions } = await startService()
    for (const ping of [down, () => new Promise<void>(() => {})]) {
      sessions.ping = ping
      const answer = await app.inject('/readyz')
      expect([answer.statusCode, answer.json()]).toEqual([
        503,
        { status: 'unavailable', stores: { sessions: 'down', users: 'up' } },
      ])
    }
    expect((await app.inject('/livez')).statusCode).toBe(200)
  })
})

it('health: false leaves both paths to the host application', async () => {
  const { app } = await startService({ health: false, host: (app) => app.get('/livez', async () => 'mine') })
  expect((await app.inject('/livez')).body).toBe('mine')
  expect((await app.inject('/readyz')).statusCode).toBe(404)
})
