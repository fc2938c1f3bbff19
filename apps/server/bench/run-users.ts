// Measures sign-ins with a phone code, avatars and erasures, on each pair of stores. See README.md.
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { startMariaDb, startPostgres, startRedis } from '@weapp-auth/test-servers'
import sharp from 'sharp'
import { Agent, FormData, request } from 'undici'
import { createDatabase } from './database.ts'
import { median } from './statistics.ts'
import { makeRoomForTargets, startTarget, type Target } from './target.ts'

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    users: { type: 'string', default: '500' },
    pictures: { type: 'string', default: '100' },
    columns: { type: 'string', default: 'SQLite,Redis + PostgreSQL,Redis + MySQL' },
    out: { type: 'string', default: join(import.meta.dirname, 'results') },
  },
})
const [rounds, users, pictures] = [options.rounds, options.users, options.pictures].map(Number) as [
  number,
  number,
  number,
]

const CALLERS = 20
const PICTURE_PIXELS = 1_080
const WORK = ['sign-in', 'sign-in with a phone code', 'avatar', 'erasure'] as const

interface Rate {
  perSecond: number
  perCpuSecond: number
}
type Round = Record<(typeof WORK)[number], Rate>

/** How often the service answered 503, because its machine was busy with something else; none of these is counted. */
let refused = 0

const closers: (() => unknown)[] = []
const agent = new Agent({ connections: CALLERS, pipelining: 1 })
try {
  makeRoomForTargets()
  const dataDir = mkdtempSync(join(tmpdir(), 'weapp-auth-bench-'))
  closers.push(() => rmSync(dataDir, { recursive: true, force: true }))
  const sqlUrls: Record<string, string | null> = { SQLite: null }
  const columns = options.columns.split(',')
  if (columns.includes('Redis + PostgreSQL')) sqlUrls['Redis + PostgreSQL'] = await started(startPostgres)
  if (columns.includes('Redis + MySQL')) sqlUrls['Redis + MySQL'] = await started(startMariaDb)
  const redisUrl = columns.some((name) => name !== 'SQLite') ? await started(startRedis) : ''
  const picture = await drawPicture()
  const reports: { name: string; every: Round[] }[] = []
  for (const name of columns) {
    const wechat = await startTarget('the upstream', 'wechat', { KNOWN_USERS: String(users) })
    const [{ appid = '', secret = '', codes = '' } = {}] = wechat.users
    const service = await startTarget(name, 'service', {
      WECHAT_APPID: appid,
      WECHAT_SECRET: secret,
      WECHAT_API_BASE_URL: wechat.url,
      DATA_DIR: mkdtempSync(join(dataDir, 'target-')),
      ...(sqlUrls[name] && { REDIS_URL: redisUrl, DATABASE_URL: await createDatabase(sqlUrls[name]) }),
    })
    try {
      await ready(service)
      // Not counted: the users are known after it, and what runs hot is compiled.
      await measure(service, { appid, codes, picture })
      const every: Round[] = []
      for (let round = 0; round < rounds; round++) {
        every.push(await measure(service, { appid, codes, picture }))
        process.stderr.write(`[${name} ${round + 1}/${rounds}] ${JSON.stringify(every.at(-1))}\n`)
      }
      reports.push({ name, every })
    } finally {
      await Promise.all([service.stop(), wechat.stop()])
    }
  }
  const machine = `${cpus().length} × ${cpus()[0]?.model ?? 'CPU'}, Node ${process.versions.node}`
  const about = {
    machine,
    measuredAt: new Date().toISOString(),
    rounds,
    users,
    pictures,
    pictureBytes: picture.length,
    refused,
  }
  const table = toTable(machine, reports)
  mkdirSync(options.out, { recursive: true })
  writeFileSync(join(options.out, 'users.json'), `${JSON.stringify({ ...about, reports }, null, 2)}\n`)
  writeFileSync(join(options.out, 'users.md'), table)
  process.stdout.write(`\n${table}\n${options.out}\n`)
} finally {
  await agent.destroy()
  for (const close of closers.reverse()) await close()
}

async function started(start: () => Promise<{ url: string; stop(): Promise<unknown> }>): Promise<string> {
  const server = await start()
  closers.push(server.stop)
  return server.url
}

async function ready(service: Target): Promise<void> {
  for (let tries = 0; (await fetch(`${service.url}/readyz`)).status !== 200; tries++) {
    if (tries === 100) throw new Error(`${service.name} does not become ready`)
    await sleep(200)
  }
}

/** Noise on a gradient, so that it is as hard to decode as a photo. */
function drawPicture(): Promise<Buffer> {
  const bytes = randomBytes(PICTURE_PIXELS * PICTURE_PIXELS * 3)
  for (const [index, byte] of bytes.entries()) {
    bytes[index] = ((index / 3) % PICTURE_PIXELS) / (PICTURE_PIXELS / 200) + (byte & 31)
  }
  const raw = { width: PICTURE_PIXELS, height: PICTURE_PIXELS, channels: 3 } as const
  return sharp(bytes, { raw }).jpeg({ quality: 80 }).toBuffer()
}

async function measure(
  service: Target,
  { appid, codes, picture }: { appid: string; codes: string; picture: Buffer },
): Promise<Round> {
  const take = async <T>(query: string) => (await (await fetch(`${codes}?${query}`)).json()) as T[]
  const known = await take<string>(`count=${users}&kind=known`)
  const fresh = await take<{ code: string; phoneCode: string }>(`count=${users}&kind=new&phone=on`)
  const tokens: string[] = []
  const signIn = async (body: object) => {
    const text = JSON.stringify({ appid, ...body })
    const headers = { 'content-type': 'application/json' }
    return send(`${service.url}/v1/sessions`, { method: 'POST', headers, body: text }, 201)
  }
  const authorization = (token: string) => ({ authorization: `Bearer ${token}` })
  return {
    'sign-in': await rate(service, known, (code) => signIn({ code })),
    'sign-in with a phone code': await rate(service, fresh, async (both) => {
      const text = await signIn(both)
      if (text !== null) tokens.push(JSON.parse(text).token)
      return text
    }),
    avatar: await rate(service, tokens.slice(0, pictures), (token) => {
      const body = new FormData()
      body.set('avatar', new Blob([new Uint8Array(picture)], { type: 'image/jpeg' }), 'avatar.jpg')
      return send(`${service.url}/v1/me/avatar`, { method: 'POST', headers: authorization(token), body }, 200)
    }),
    erasure: await rate(service, tokens, (token) =>
      send(`${service.url}/v1/me`, { method: 'DELETE', headers: authorization(token) }, 204),
    ),
  }
}

/** The body of the answer; null when the service cannot serve now. */
async function send(
  url: string,
  o: { method: 'POST' | 'DELETE'; headers: Record<string, string>; body?: string | FormData },
  status: number,
): Promise<string | null> {
  const answer = await request(url, { ...o, dispatcher: agent })
  const text = await answer.body.text()
  if (answer.statusCode === 503) return null
  if (answer.statusCode !== status) throw new Error(`${o.method} ${url} was answered ${answer.statusCode}: ${text}`)
  return text
}

/** Each once, by so many callers at a time. */
async function rate<T>(target: Target, each: readonly T[], work: (one: T) => Promise<string | null>): Promise<Rate> {
  const cpuSeconds = await target.cpuSeconds()
  const startMs = performance.now()
  const left = each.values()
  let served = 0
  const caller = async () => {
    for (const one of left) {
      if ((await work(one)) === null) refused++
      else served++
    }
  }
  await Promise.all(Array.from({ length: CALLERS }, caller))
  const seconds = (performance.now() - startMs) / 1000
  return { perSecond: served / seconds, perCpuSecond: served / ((await target.cpuSeconds()) - cpuSeconds) }
}

function toTable(machine: string, reports: { name: string; every: Round[] }[]): string {
  const middle = (every: Round[], work: (typeof WORK)[number], of: keyof Rate) =>
    Math.round(median(every.map((round) => round[work][of]))).toLocaleString('en')
  const rows = WORK.map((work) => {
    const cells = reports.map(
      ({ every }) => `${middle(every, work, 'perCpuSecond')} | ${middle(every, work, 'perSecond')}`,
    )
    return `| ${work} | ${cells.join(' | ')} |`
  })
  return [
    `${machine}; ${CALLERS} callers, medians of ${rounds} rounds`,
    '',
    `| | ${reports.map(({ name }) => `${name}: a CPU second | a second`).join(' | ')} |`,
    `| --- |${' ---: | ---: |'.repeat(reports.length)}`,
    ...rows,
    '',
    ...(refused > 0
      ? [`${refused} times the service could not serve: something else was running. Run it again.`, '']
      : []),
  ].join('\n')
}
