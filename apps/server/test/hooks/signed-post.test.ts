import { createHmac } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { createSignedPost, type SignedPostOptions } from '../../src/hooks/signed-post.ts'

/** A program of the team that gets the calls, and what it got. */
async function listen(answer: (response: ServerResponse, request: IncomingMessage) => void) {
  const calls: { method?: string; path?: string; headers: IncomingMessage['headers']; body: string }[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.setEncoding('utf8').on('data', (text) => {
      body += text
    })
    request.on('end', () => {
      calls.push({ method: request.method ?? '', path: request.url ?? '', headers: request.headers, body })
      answer(response, request)
    })
  })
  // Longer than a test: a connection ends because somebody ends it.
  server.keepAliveTimeout = 60_000
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const countConnections = promisify(server.getConnections).bind(server)
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook?of=us`, calls, countConnections }
}

function open(o: Pick<SignedPostOptions, 'url'> & Partial<SignedPostOptions>) {
  const post = createSignedPost({ secret: 'canary-secret', timeoutMs: 20_000, ...o })
  onTestFinished(() => post.close())
  return post
}

describe('a signed call', () => {
  it('a signed call carries a JSON body and a signature of the time and the body, and brings the answer', async () => {
    const { url, calls } = await listen((response) => response.writeHead(403).end('{"detail":"no"}'))
    const post = open({ url, now: () => 1_700_000_000_999 })
    expect(await post.send({ name: '小明' })).toEqual({ status: 403, text: '{"detail":"no"}' })
    const [call] = calls
    expect(call).toMatchObject({ method: 'POST', path: '/hook?of=us', body: '{"name":"小明"}' })
    expect(call?.headers['content-type']).toBe('application/json')
    const v1 = createHmac('sha256', 'canary-secret').update('1700000000.{"name":"小明"}').digest('hex')
    expect(call?.headers['x-weapp-auth-signature']).toBe(`t=1700000000,v1=${v1}`)
  })

  it('the connection of a signed call is kept, and closed with its owner', async () => {
    const { url, countConnections } = await listen((response) => response.end())
    const post = open({ url })
    await post.send({})
    expect(await countConnections()).toBe(1)
    await post.close()
    await expect.poll(() => countConnections()).toBe(0)
  })

  it('a signed call is not sent on to where a redirect points', async () => {
    const elsewhere = await listen((response) => response.end())
    const { url } = await listen((response) => response.writeHead(307, { location: elsewhere.url }).end())
    expect(await open({ url }).send({})).toMatchObject({ status: 307 })
    expect(elsewhere.calls).toEqual([])
  })

  it('a signed call fails when nobody answers in time, whether nothing comes or an answer without an end', async () => {
    const silent = await listen(() => {})
    const slow = await listen((response) => response.write('{'))
    for (const { url } of [silent, slow]) {
      await expect(open({ url, timeoutMs: 100 }).send({})).rejects.toThrow('no answer within 100 ms')
    }
  })

  it('a signed call fails on an answer of more than 16 kB, and on an address where nobody listens, in one line without the secret', async () => {
    const { url } = await listen((response) => response.end('x'.repeat(16 * 1024 + 1)))
    for (const address of [url, 'http://127.0.0.1:1/']) {
      const error: Error = await open({ url: address })
        .send({})
        .catch((error) => error)
      expect(error).toBeInstanceOf(Error)
      expect(error.message).not.toMatch(/\n|canary|http/)
    }
  })

  it('a signed call waits for its turn where as many are under way as there may be, and the waiting counts as its own time', async () => {
    const held: ServerResponse[] = []
    const { url, calls } = await listen((response) => held.push(response))
    const post = open({ url, connections: 1 })
    const first = post.send(1)
    const second = post.send(2)
    await vi.waitFor(() => expect(held).toHaveLength(1), 20_000)
    expect(calls).toHaveLength(1)
    held[0]?.end()
    expect((await first).status).toBe(200)
    await vi.waitFor(() => expect(held).toHaveLength(2), 20_000)
    held[1]?.end()
    expect((await second).status).toBe(200)
  })
})
