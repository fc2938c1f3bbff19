import { describe, expect, it } from 'vitest'
import { startService } from '../service.ts'

const down = () => Promise.reject(new Error('down'))

describe('GET /readyz', () => {
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
