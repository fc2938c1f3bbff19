import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { openSqliteUsers } from '@weapp-auth/fastify'
import { expect, onTestFinished, test, vi } from 'vitest'
import { call, signIn, startProcess } from '../process.ts'
import { environment } from '../service.ts'
import { EMULATOR } from '../service-process.ts'

test('a process that is killed while it tells of events loses none, and those of a user keep their order', async () => {
  const told: { id: string; type: string; userId: string }[] = []
  const held: ServerResponse[] = []
  let isHanging = true
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const text of request.setEncoding('utf8')) body += text
    // What is not answered was not taken.
    if (isHanging) held.push(response)
    else {
      told.push(JSON.parse(body))
      response.end()
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const env: Record<string, string> = {
    ...(await environment('embedded')),
    ...EMULATOR,
    EVENTS_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    HOOK_SECRET: 'a-secret-of-the-test',
  }
  const first = startProcess(env)
  const address = await first.address
  const alice = await signIn(address, 'alice')
  await call(`${address}/v1/me/profile`, { token: alice.token, body: { nickname: 'a' } })
  await call(`${address}/v1/me/profile`, { token: alice.token, body: { nickname: 'b' } })
  const bob = await signIn(address, 'bob')
  await call(`${address}/v1/me`, { method: 'DELETE', token: bob.token })
  await vi.waitFor(() => expect(held.length).toBeGreaterThanOrEqual(2), 60_000)
  first.child.kill('SIGKILL')
  await first.ended
  for (const response of held) response.destroy()

  // As if the time had passed for which the killed process held what it was telling of.
  const db = openSqliteUsers(join(env.DATA_DIR ?? '', 'users.sqlite'))
  await db
    .updateTable('weapp_auth_events')
    .set((eb) => ({ due_at: eb('due_at', '-', 30_000) }))
    .where('due_at', 'is not', null)
    .execute()
  await db.destroy()
  isHanging = false
  startProcess(env)
  const typesOf = (userId: string) => told.filter((event) => event.userId === userId).map(({ type }) => type)
  await vi.waitFor(() => {
    expect(typesOf(alice.userId)).toEqual(['sign_in', 'profile_changed', 'profile_changed'])
    expect(typesOf(bob.userId)).toEqual(['sign_in', 'user_erased', 'session_ended'])
  }, 60_000)
  expect(new Set(told.map(({ id }) => id)).size).toBe(told.length)
})
