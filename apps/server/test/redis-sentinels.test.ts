import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { type OwnServer, startRedis } from '@weapp-auth/test-servers'
import { Redis } from 'ioredis'
import { pino } from 'pino'
import { afterAll, beforeAll, describe, expect, inject, onTestFinished, test, vi } from 'vitest'
import { connectRedis } from '../src/redis.ts'
import { createNetwork } from './network.ts'

/** Within this time the service leaves a master that was replaced, as docs/outages.md says. */
const LEAVE_MS = 1_000

describe.skipIf(inject('redisUrl') === null)('sessions in a Redis that sentinels name', () => {
  let first: OwnServer
  let second: OwnServer
  beforeAll(async () => {
    ;[first, second] = await Promise.all([startRedis(), startRedis()])
  })
  afterAll(() => Promise.all([first?.stop(), second?.stop()]))

  test('sessions go to the master of the latest election, whichever sentinel is asked first', async () => {
    const old = await startSentinel({ master: first, epoch: 4 })
    const current = await startSentinel({ master: second, epoch: 5 })
    const { isAt } = await connect(old, current)
    await vi.waitFor(() => expect(isAt(second)).toBe(true), LEAVE_MS)
  })

  test('sessions move at once and with one reconnection, although the sentinels hear of the election one after the other', async () => {
    const sentinels = [
      await startSentinel({ master: first, epoch: 4 }),
      await startSentinel({ master: first, epoch: 4 }),
      await startSentinel({ master: first, epoch: 4 }),
    ]
    const { isAt, connections, redis } = await connect(...sentinels)
    const pausesMs: number[] = []
    redis.on('reconnecting', (ms: number) => pausesMs.push(ms))
    for (const sentinel of sentinels) {
      sentinel.says = { master: second, epoch: 5 }
      await vi.waitFor(async () => {
        expect(isAt(second)).toBe(true)
        await redis.set('key', 'value')
      }, LEAVE_MS)
    }
    const rounds = sentinels.map(({ asked }) => asked())
    await vi.waitFor(() => expect(sentinels.every(({ asked }, i) => asked() > (rounds[i] ?? 0) + 2)).toBe(true), 5_000)
    expect(connections()).toBe(2)
    expect(pausesMs).toEqual([0])
  })

  test('sessions are not led back by a sentinel that starts again and knows the old election', async () => {
    const restarted = await startSentinel({ master: second, epoch: 5 })
    const other = await startSentinel({ master: second, epoch: 5 })
    const { isAt, connections } = await connect(restarted, other)
    restarted.says = { master: first, epoch: 4 }
    restarted.disconnect()
    const rounds = restarted.asked()
    await vi.waitFor(() => expect(restarted.asked()).toBeGreaterThan(rounds + 2), 5_000)
    expect(isAt(second)).toBe(true)
    expect(connections()).toBe(1)
  })

  test('sessions move although the connection to the sentinel that knows was lost without a word', async () => {
    const sentinel = await startSentinel({ master: first, epoch: 4 })
    const network = await createNetwork(sentinel.url)
    const { isAt } = await connect({ url: network.url })
    network.lose()
    sentinel.says = { master: second, epoch: 5 }
    await vi.waitFor(() => expect(isAt(second)).toBe(true), 2 * LEAVE_MS)
  })

  test('a master that has become a replica is left at the first refused write, before its sentinels notice, and not asked any more', async () => {
    const sentinel = await startSentinel({ master: first, epoch: 4 })
    const { redis } = await connect(sentinel)
    const admin = new Redis(first.url)
    onTestFinished(async () => {
      await admin.replicaof('NO', 'ONE')
      admin.disconnect()
    })
    await admin.replicaof('127.0.0.1', new URL(second.url).port)
    await expect(redis.set('key', 'value')).rejects.toThrow('READONLY')
    await vi.waitFor(() => expect(redis.status).not.toBe('ready'), LEAVE_MS)
    await expect(redis.get('key')).rejects.toThrow("Stream isn't writeable")
  })

  test('a server that sentinels name although it is a replica by now is left before anything is asked of it', async () => {
    const admin = new Redis(first.url)
    onTestFinished(async () => {
      await admin.replicaof('NO', 'ONE')
      admin.disconnect()
    })
    await admin.replicaof('127.0.0.1', new URL(second.url).port)
    const { redis } = open(await startSentinel({ master: first, epoch: 4 }))
    const status = await new Promise((resolve) => {
      for (const next of ['ready', 'reconnecting']) redis.once(next, () => resolve(next))
    })
    expect(status).toBe('reconnecting')
  })

  test('a master is used although its user may not ask for INFO, and kept when it refuses a command', async () => {
    const admin = new Redis(first.url)
    onTestFinished(async () => {
      await admin.acl('SETUSER', 'default', '+info')
      admin.disconnect()
    })
    await admin.acl('SETUSER', 'default', '-info')
    vi.spyOn(console, 'warn').mockImplementation(() => {})
    const { redis, connections } = await connect(await startSentinel({ master: first, epoch: 4 }))
    await redis.set('key', 'value')
    await expect(redis.lpush('key', 'value')).rejects.toThrow('WRONGTYPE')
    expect(await redis.get('key')).toBe('value')
    expect(connections()).toBe(1)
  })

  test('the connections to the sentinels end with the one to the master', async () => {
    const sentinel = await startSentinel({ master: first, epoch: 4 })
    const { redis } = await connect(sentinel)
    expect(sentinel.connections()).toBe(1)
    redis.disconnect()
    await vi.waitFor(() => expect(sentinel.connections()).toBe(0), 5_000)
  })

  test('a connection that is closed while the sentinels are asked is not made afterwards', async () => {
    const sentinel = await startSentinel({ master: first, epoch: 4 })
    const { redis } = open(sentinel)
    redis.disconnect()
    await vi.waitFor(() => expect(redis.status).toBe('end'))
    await vi.waitFor(() => expect(sentinel.connections()).toBe(0), 5_000)
  })

  test('a master that is still the master is connected to again after a pause, and not at once', async () => {
    const { redis } = await connect(await startSentinel({ master: first, epoch: 4 }))
    const pausesMs: number[] = []
    redis.on('reconnecting', (ms: number) => pausesMs.push(ms))
    if ('stream' in redis) redis.stream.destroy()
    await vi.waitFor(() => expect(pausesMs).toHaveLength(1), 5_000)
    expect(pausesMs[0]).toBeGreaterThan(0)
  })

  test('a sentinel that is away is not an error where another one names the master', async () => {
    const printed = vi.spyOn(console, 'error')
    const away = await startSentinel(null)
    away.stop()
    const { errors } = await connect(away, await startSentinel({ master: first, epoch: 4 }))
    expect(errors).toEqual([])
    expect(printed).not.toHaveBeenCalled()
  })

  test('sessions are refused, and found later, when no sentinel knows the name yet', async () => {
    const sentinel = await startSentinel(null)
    const { redis, errors } = open(sentinel)
    await vi.waitFor(() =>
      expect(errors[0]?.message).toBe('no sentinel that can be reached knows a master called mymaster'),
    )
    sentinel.says = { master: first, epoch: 0 }
    await vi.waitFor(() => expect(redis.status).toBe('ready'), 2 * LEAVE_MS)
  })
})

function open(...sentinels: { url: string }[]) {
  const nodes = sentinels.map(({ url }) => new URL(url).host).join(',')
  const { redis } = connectRedis(`redis+sentinel://${nodes}/mymaster`, pino({ level: 'silent' }))
  onTestFinished(() => redis.disconnect())
  const errors: Error[] = []
  redis.on('error', (error) => errors.push(error))
  return { redis, errors }
}

async function connect(...sentinels: { url: string }[]) {
  const { redis, errors } = open(...sentinels)
  let connections = 0
  redis.on('ready', () => connections++)
  await vi.waitFor(() => expect(redis.status).toBe('ready'), 5_000)
  const isAt = ({ url }: OwnServer) =>
    redis.status === 'ready' && 'stream' in redis && `${redis.stream.remotePort}` === new URL(url).port
  return { redis, errors, isAt, connections: () => connections }
}

type Word = { master: OwnServer; epoch: number } | null

/** What a sentinel answers, decided by the test: a real one cannot be made to miss an election for as long as a test takes. */
async function startSentinel(word: Word) {
  let asked = 0
  const open = new Set<Socket>()
  const sentinel = {
    url: '',
    says: word,
    asked: () => asked,
    connections: () => open.size,
    disconnect: () => {
      for (const socket of open) socket.destroy()
    },
    stop: () => void server.close(),
  }
  const array = (texts: string[]) => `*${texts.length}\r\n${texts.map((t) => `$${t.length}\r\n${t}\r\n`).join('')}`
  const server = createServer((socket) => {
    open.add(socket)
    socket.on('error', () => {}).on('close', () => open.delete(socket))
    socket.on('data', (data) => {
      // Each command is an array of texts; ours fit into one piece.
      for (const command of String(data).split(/^\*/m).slice(1)) {
        const isAddress = /GET-MASTER-ADDR-BY-NAME/.test(command)
        if (isAddress) asked++
        const { says } = sentinel
        if (!/SENTINEL/.test(command)) socket.write('+OK\r\n')
        else if (!says) socket.write(isAddress ? '*-1\r\n' : '-ERR No such master with that name\r\n')
        else if (isAddress) socket.write(array(['127.0.0.1', new URL(says.master.url).port]))
        else socket.write(array(['name', 'mymaster', 'config-epoch', `${says.epoch}`]))
      }
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  sentinel.url = `redis://127.0.0.1:${(server.address() as AddressInfo).port}`
  onTestFinished(() => {
    server.close()
    sentinel.disconnect()
  })
  return sentinel
}
