// Measures what open WebSockets take in one process, with guardSocket and without. See README.md.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import WebSocket from 'ws'

const { values: options } = parseArgs({
  options: {
    sockets: { type: 'string', default: '10000' },
    'per-user': { type: 'string', default: '2' },
    /** How long a ping round takes; as many seconds are measured. */
    'ping-seconds': { type: 'string', default: '15' },
    out: { type: 'string', default: join(import.meta.dirname, 'results') },
  },
})
const count = Number(options.sockets)
const pingSeconds = Number(options['ping-seconds'])

/** So many connections are opened at once: a backlog has its limits. */
const AT_ONCE = 100
const PROGRESS = (line: string) => process.stderr.write(`${line}\n`)

interface Usage {
  rssBytes: number
  cpuSeconds: number
}

interface Measured {
  what: string
  bytesEach: number
  openMsEach: number
  /** CPU time of the process for each ping and its answer, the check of the session included. */
  pingMicroseconds: number | null
  /** From the first push until the last socket had its message. */
  pushMs: number | null
  /** From the end of the first session until the last socket was closed. */
  endMs: number | null
}

const measured = [await measure('without guardSocket', 'off'), await measure('guarded', 'on')]
const table = toTable()
mkdirSync(options.out, { recursive: true })
const about = { measuredAt: new Date().toISOString(), cpu: cpus()[0]?.model, node: process.version, sockets: count }
writeFileSync(join(options.out, 'sockets.json'), `${JSON.stringify({ ...about, measured }, null, 2)}\n`)
writeFileSync(join(options.out, 'sockets.md'), table)
process.stdout.write(`\n${table}\n${options.out}\n`)

async function measure(what: string, guard: 'on' | 'off'): Promise<Measured> {
  const child = fork(join(import.meta.dirname, 'targets', 'sockets.ts'), {
    execArgv: ['--expose-gc'],
    env: {
      PATH: process.env.PATH ?? '',
      NODE_ENV: 'production',
      GUARD: guard,
      SOCKETS: String(count),
      SOCKETS_PER_USER: options['per-user'],
      PING_MS: String(pingSeconds * 1000),
    },
    stdio: ['ignore', 2, 2, 'ipc'],
  })
  const ask = async <T>(question?: 'usage' | 'push' | 'revoke'): Promise<T> => {
    if (question) child.send(question)
    const [answer] = await once(child, 'message')
    return answer as T
  }
  const { url, tokens } = await ask<{ url: string; tokens: string[] }>()
  const empty = await ask<Usage>('usage')
  let received = 0
  let closed = 0
  const live: WebSocket[] = []
  const openedAt = performance.now()
  while (live.length < count) {
    const batch = tokens.slice(live.length, live.length + AT_ONCE).map((token) => {
      const socket = new WebSocket(`${url.replace('http', 'ws')}/live`, {
        headers: { authorization: `Bearer ${token}` },
      })
      socket.on('message', () => received++)
      socket.on('close', () => closed++)
      return socket
    })
    await Promise.all(batch.map((socket) => once(socket, 'open')))
    live.push(...batch)
  }
  const openMsEach = (performance.now() - openedAt) / count
  await sleep(1_000)
  const full = await ask<Usage>('usage')
  const bytesEach = (full.rssBytes - empty.rssBytes) / count
  PROGRESS(`${what}: ${count} sockets, ${Math.round(bytesEach)} bytes each`)
  const result: Measured = { what, bytesEach, openMsEach, pingMicroseconds: null, pushMs: null, endMs: null }
  if (guard === 'on') {
    const before = await ask<Usage>('usage')
    await sleep(pingSeconds * 1000)
    const after = await ask<Usage>('usage')
    result.pingMicroseconds = ((after.cpuSeconds - before.cpuSeconds) / count) * 1e6
    result.pushMs = await time('push', () => received >= count)
    result.endMs = await time('revoke', () => closed >= count)
  }
  for (const socket of live) socket.terminate()
  child.kill()
  await once(child, 'exit')
  return result

  async function time(question: 'push' | 'revoke', isOver: () => boolean): Promise<number> {
    const startedAt = performance.now()
    void ask(question)
    while (!isOver()) {
      if (performance.now() - startedAt > 60_000) throw new Error(`${question} did not reach every socket in a minute`)
      await sleep(1)
    }
    return performance.now() - startedAt
  }
}

function toTable(): string {
  const ms = (value: number | null) => (value === null ? '' : String(Math.round(value)))
  const lines = [
    `Node ${process.version}, ${cpus()[0]?.model}, ${count.toLocaleString('en')} sockets in one process, ${options['per-user']} a user`,
    '',
    '| | bytes a socket | ms to open one | us of CPU a ping | ms for a push to all | ms to close all |',
    '| --- | ---: | ---: | ---: | ---: | ---: |',
    ...measured.map(
      ({ what, bytesEach, openMsEach, pingMicroseconds, pushMs, endMs }) =>
        `| ${what} | ${Math.round(bytesEach)} | ${openMsEach.toFixed(2)} | ${ms(pingMicroseconds)} | ${ms(pushMs)} | ${ms(endMs)} |`,
    ),
  ]
  return `${lines.join('\n')}\n`
}
