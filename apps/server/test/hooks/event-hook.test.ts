import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { CHANNELS, type DeliveredEvent, type FinishedCall } from '@weapp-auth/fastify'
import { describe, expect, onTestFinished, test } from 'vitest'
import { parseConfig } from '../../src/config.ts'
import { openEventHook } from '../../src/hooks/event-hook.ts'
import { signBody } from '../../src/hooks/signed-post.ts'

const SECRET = 'canary-hook-secret'
const EVENT: DeliveredEvent = {
  id: '01a21740-f737-7006-a53e-a1747668f658',
  atMs: 1_700_000_000_123,
  type: 'phone_moved',
  by: 'user',
  userId: 'u1',
  otherUserId: 'u2',
  externalId: 'crm-1',
  data: {},
}

async function open(answer: (response: ServerResponse) => void) {
  const calls: { body: string; signature: string }[] = []
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const text of request.setEncoding('utf8')) body += text
    calls.push({ body, signature: String(request.headers['x-weapp-auth-signature']) })
    answer(response)
  })
  // Longer than a test: a connection ends because somebody ends it.
  server.keepAliveTimeout = 60_000
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/events`
  const hook = openEventHook({ url, secret: SECRET })
  onTestFinished(() => hook.close())
  return { hook, calls, countConnections: promisify(server.getConnections).bind(server) }
}

describe('the event hook', () => {
  test('the event hook is told of an event in one signed call', async () => {
    const { hook, calls, countConnections } = await open((response) => response.writeHead(204).end())
    await hook.onEvent(EVENT)
    const [{ body, signature } = { body: '', signature: '' }] = calls
    const { atMs: _, ...told } = EVENT
    expect(JSON.parse(body)).toEqual({ ...told, at: '2023-11-14T22:13:20.123Z' })
    const [, seconds] = /^t=(\d+),/.exec(signature) ?? []
    expect(signature).toBe(signBody(SECRET, Number(seconds), body))
    await hook.close()
    await expect.poll(() => countConnections()).toBe(0)
  })

  test.each([300, 301, 400, 403, 404, 500, 503])(
    'an event that the event hook answers with %i is not taken',
    async (status) => {
      const { hook } = await open((response) => response.writeHead(status, { location: '/' }).end())
      await expect(hook.onEvent(EVENT)).rejects.toThrow(`EVENTS_URL answered ${status}`)
    },
  )

  test('metrics and traces show an event that the event hook took, and one that it did not take', async () => {
    const seen: unknown[] = []
    const listen = (message: unknown) => {
      const { target, operation, outcome } = message as FinishedCall
      if (target === 'hook') seen.push({ operation, outcome })
    }
    subscribe(CHANNELS.calls, listen)
    onTestFinished(() => void unsubscribe(CHANNELS.calls, listen))
    const statuses = [299, 500]
    const { hook } = await open((response) => response.writeHead(statuses.shift() ?? 500).end())
    await hook.onEvent(EVENT)
    await hook.onEvent(EVENT).catch(() => {})
    expect(seen).toEqual([
      { operation: 'event', outcome: 'ok' },
      { operation: 'event', outcome: 'hook_unavailable' },
    ])
  })

  test('an event is not taken when the connection to the event hook breaks', async () => {
    const { hook } = await open((response) => response.destroy())
    const message = expect.stringMatching(/^(?!.*http).+$/)
    await expect(hook.onEvent(EVENT)).rejects.toMatchObject({ code: 'hook_unavailable', message })
  })

  test('the event hook needs a secret, and an address that may get what it is told', () => {
    const parse = (env: Record<string, string>) => parseConfig({ WECHAT_APPID: 'wx1', WECHAT_SECRET: 's', ...env })
    const [url, secret] = ['https://crm.example.com/events', '0123456789abcdef']
    expect(parse({ EVENTS_URL: url, HOOK_SECRET: secret }).eventHook).toEqual({ url, secret })
    expect(() => parse({ EVENTS_URL: url })).toThrow('EVENTS_URL needs HOOK_SECRET')
    expect(() => parse({ EVENTS_URL: 'http://crm.example.com', HOOK_SECRET: secret })).toThrow('EVENTS_URL must be')
  })
})
