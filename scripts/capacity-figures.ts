// The figures of docs/capacity.md: measured ones, and what is computed from them by the assumptions that stand there.
import { type Figure, readResult } from './figure.ts'

const PAGES = ['docs/capacity.md', 'docs/capacity.zh-CN.md'] as const

/** What a user does in a day, which part of it the busiest second has, and how much of a core is planned with. */
const SIGN_INS_A_DAY = 3
const REQUESTS_A_DAY = 30
const BUSIEST_SECOND = 1 / 12_000
const USE_OF_A_CORE = 0.6
/** As `EVENTS_DAYS` is by default. */
const EVENTS_DAYS = 90

/** A phone whose session is gone: one sign-in, and the same request twice. */
const REQUESTS_OF_A_RETURN = 2

interface SignIn {
  columns: { name: string; targets: SignInTarget[] }[]
}

interface SignInTarget {
  target: string
  perCpuSecond: number
  newUsersPerCpuSecond: number
  readsPerCpuSecond: number | null
  redisMicroseconds: number | null
  sqlMicroseconds: number | null
}

interface Guard {
  guards: { target: string; requestsPerCpuSecond: number }[]
}

interface Memory {
  measured: { what: string; bytes: { each: number }[] }[]
}

interface Scale {
  results: { size: number; what: string; large: { redisCpu: number } }[]
}

interface Disk {
  measured: { engine: string; userBytes: number; eventBytes: number }[]
}

interface Storm {
  phones: number
  periodMs: number
  normalAfterMs: number
}

/** What one of each carries, in both languages. */
export function capacityFigures(): Figure[] {
  const measured = readMeasured()
  const values = {
    known: whole(measured.known),
    fresh: whole(measured.fresh),
    guarded: whole(measured.guarded),
    reads: whole(measured.reads),
    redis: whole(measured.redisUs),
    sql: whole(measured.sqlUs),
    bytes: tens(measured.sessionBytes),
    userBytes: tens(measured.userBytes),
    eventBytes: tens(measured.eventBytes),
    users: rough(measured.userBytes / 100),
  }
  const { phones, periodMs, normalAfterMs } = readResult<Storm>('storm')
  const storm = { phones: whole(phones), period: whole(periodMs / 1000), after: (normalAfterMs / 1000).toFixed(1) }
  const guardUs = readResult<Scale>('scale').results.find(({ size, what }) => size === 5_000_000 && what === 'guard')
  const get = { guard: (guardUs?.large.redisCpu ?? Number.NaN).toFixed(1) }
  const returnSeconds = 1 / measured.known + REQUESTS_OF_A_RETURN / measured.reads
  const million = {
    one: rough((1e6 * returnSeconds) / 60),
    eight: rough((1e6 * returnSeconds) / 8 / 60),
    sql: rough(measured.sqlUs / 60),
    redis: rough(measured.redisUs / 60),
  }
  return [
    ...both(
      [
        '| sign-ins of known users a second, one core of the service, with its log and limits | {known} |',
        '| 每核每秒登录数，老用户（写日志、计限流） | {known} |',
      ],
      values,
    ),
    ...both(
      ['| sign-ins of new users a second, the same | {fresh} |', '| 每核每秒登录数，新用户（同上） | {fresh} |'],
      values,
    ),
    ...both(
      [
        '| guarded requests a second, one core, the route itself does nothing | {guarded} |',
        '| 每核每秒经过校验的请求数（接口本身什么也不做） | {guarded} |',
      ],
      values,
    ),
    ...both(['| `GET /v1/me` a second, one core | {reads} |', '| 每核每秒 `GET /v1/me` 数 | {reads} |'], values),
    ...both(
      ['| one core of Redis for a sign-in | {redis} µs |', '| 一次登录占 Redis 一个核的时间 | {redis} 微秒 |'],
      values,
    ),
    ...both(
      [
        '| one core of PostgreSQL for a sign-in of a known user | {sql} µs |',
        '| 老用户一次登录占 PostgreSQL 一个核的时间 | {sql} 微秒 |',
      ],
      values,
    ),
    ...both(
      [
        '| memory of Redis for a session, its index included | {bytes} bytes |',
        '| 一个会话占 Redis 的内存，含索引 | {bytes} 字节 |',
      ],
      values,
    ),
    ...both(
      [
        '| disk of PostgreSQL for a user with one identity, with all indexes | {userBytes} bytes |',
        '| 一个用户（一个身份）占 PostgreSQL 的磁盘，含全部索引 | {userBytes} 字节 |',
      ],
      values,
    ),
    ...both(
      [
        '| disk of PostgreSQL for an event, with all indexes; each sign-in writes one | {eventBytes} bytes |',
        '| 一条事件占 PostgreSQL 的磁盘，含全部索引；每次登录写一条 | {eventBytes} 字节 |',
      ],
      values,
    ),
    ...both(['Ten million users are {users} GB in the database.', '一千万用户在数据库里是 {users} GB。'], values),
    ...dates(),
    ...[100_000, 1_000_000, 10_000_000].flatMap((users) => dayOf(users, measured)),
    ...both(
      [
        'and Redis one GET at most: {guard} µs of its core, beside five million sessions (measured).',
        '对 Redis 最多是一次 GET：在有五百万个会话时占一个核 {guard} 微秒（实测）。',
      ],
      get,
    ),
    ...both(
      [
        '{phones} phones with the real client, each with a request in {period} s, on two cores that ran phones, service, Redis, PostgreSQL and an emulated WeChat: all are back after {after} s.',
        '{phones} 台手机运行真实的 SDK，每台每 {period} 秒发一个请求，手机、服务、Redis、PostgreSQL 和模拟的微信共用两个核，全部恢复用了 {after} 秒。',
      ],
      storm,
    ),
    ...both(
      [
        'one core of the service needs {one} minutes for them, eight cores {eight} minutes, PostgreSQL {sql} minutes of one core, Redis {redis}.',
        '服务用一个核需要 {one} 分钟，八个核 {eight} 分钟；PostgreSQL 占一个核 {sql} 分钟，Redis 占 {redis} 分钟。',
      ],
      million,
    ),
  ]
}

type Measured = ReturnType<typeof readMeasured>

function readMeasured() {
  const postgres = readResult<SignIn>('sign-in').columns.find(({ name }) => name === 'Redis + PostgreSQL')
  const asDeployed = postgres?.targets.find(({ target }) => target === 'weapp-auth, with its log and limit')
  const guard = readResult<Guard>('guard').guards.find(({ target }) => target === 'weapp-auth, cache on')
  const session = readResult<Memory>('memory').measured.find(({ what }) => what === 'one a user, not used yet')
  const disk = readResult<Disk>('disk').measured.find(({ engine }) => engine === 'PostgreSQL')
  return {
    known: asDeployed?.perCpuSecond ?? Number.NaN,
    fresh: asDeployed?.newUsersPerCpuSecond ?? Number.NaN,
    reads: asDeployed?.readsPerCpuSecond ?? Number.NaN,
    redisUs: asDeployed?.redisMicroseconds ?? Number.NaN,
    sqlUs: asDeployed?.sqlMicroseconds ?? Number.NaN,
    guarded: guard?.requestsPerCpuSecond ?? Number.NaN,
    sessionBytes: session?.bytes[0]?.each ?? Number.NaN,
    userBytes: disk?.userBytes ?? Number.NaN,
    eventBytes: disk?.eventBytes ?? Number.NaN,
  }
}

/** A row of the table of a day. */
function dayOf(users: number, { known, guarded, redisUs, sqlUs, sessionBytes, eventBytes }: Measured): Figure[] {
  const signIns = users * SIGN_INS_A_DAY * BUSIEST_SECOND
  const requests = users * REQUESTS_A_DAY * BUSIEST_SECOND
  const values = {
    signIns: whole(signIns),
    requests: whole(requests),
    service: rough((signIns / known + requests / guarded) / USE_OF_A_CORE),
    redis: rough((signIns * redisUs) / 1e6 / USE_OF_A_CORE),
    memory: rough((users * sessionBytes) / 1e9),
    sql: rough((signIns * sqlUs) / 1e6 / USE_OF_A_CORE),
    events: rough((users * SIGN_INS_A_DAY * EVENTS_DAYS * eventBytes) / 1e9),
  }
  const row = `| ${whole(users)} | {signIns} | {requests} | {service} | {redis} | {memory} GB | {sql} | {events} GB |`
  return both([row, row], values)
}

/** When each of these was measured. */
function dates(): Figure[] {
  const measured: [result: string, english: string, chinese: string][] = [
    ['sign-in', 'Sign-ins were measured on', '登录测于'],
    ['guard', 'guarded requests on', '经过校验的请求测于'],
    ['memory', 'sessions in Redis on', 'Redis 里的会话测于'],
    ['storm', 'the storm on', '风暴测于'],
    ['disk', 'rows of the database on', '数据库的行测于'],
  ]
  return measured.flatMap(([result, english, chinese]) => {
    const [year = '', month = '', day = ''] = readResult<{ measuredAt: string }>(result)
      .measuredAt.slice(0, 10)
      .split('-')
    const date = '{year}-{month}-{day}'
    return both([`${english} ${date}`, `${chinese} ${date}`], { year, month, day })
  })
}

/** In English, and in Chinese. */
function both(sentences: readonly [english: string, chinese: string], values: Record<string, string>): Figure[] {
  return sentences.map((sentence, index) => ({ file: PAGES[index] as string, sentence, values }))
}

function tens(value: number): string {
  return whole(Math.round(value / 10) * 10)
}

function whole(value: number): string {
  return Math.round(value).toLocaleString('en')
}

/** A computed figure is no more exact than this; what is hardly anything is a tenth. */
function rough(value: number): string {
  return value >= 10 ? whole(value) : Math.max(0.1, value).toFixed(1)
}
