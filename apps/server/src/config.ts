import { isIP } from 'node:net'
import { APPID_PATTERN, createSessionKeyVault, DEFAULTS } from '@weapp-auth/fastify'
import { z } from 'zod'
import { parseRedisUrl } from './redis-url.ts'

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1)$/

const REDIS_FORMS =
  'must be an address like redis://127.0.0.1:6379, rediss://user:password@host/0, redis+sentinel://host:26379,host:26379/name or redis+cluster://host:6379,host:6379'

/** What the service can be told, read from the environment once, at the start. */
export interface Config {
  host: string
  port: number
  /** Where the embedded databases stand. */
  dataDir: string
  logLevel: (typeof LOG_LEVELS)[number]
  /** The mini-programs that sign in here. With the emulator on they need no secret. */
  apps: readonly { appid: string; secrets: string[] }[]
  wechatApiBaseUrl: string
  /** WeChat played by this process: whoever asks is signed in as whomever they name. */
  emulator: boolean
  /** Whether the emulator answers under any name and on any address, not only on this machine's own. */
  emulatorExposed: boolean
  redisUrl: string | null
  databaseUrl: string | null
  sessionIdleSeconds: number
  sessionAbsoluteSeconds: number
  /** Sessions one user may have; the oldest gives way. 0: any number. */
  sessionLimit: number
  /** How long, in milliseconds, a process may trust a cached session before it asks Redis again. 0: asks for each request. */
  sessionCacheMs: number
  /** Whose word about the caller's address counts: addresses and ranges of the proxies in front. */
  trustProxy: readonly string[]
  /** Key ring that seals the session_keys at rest, `kid:base64,kid:base64`; null: made once and kept in `dataDir`. */
  sessionKeyKeys: string | null
}

/** Everything that is wrong with the environment, one problem a line. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(`the configuration cannot be used:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`)
    this.problems = problems
  }
}

const appid = z.string().regex(APPID_PATTERN, 'must be 1 to 64 letters, digits, - or _')
const app = z.object({ appid, secrets: z.array(z.string().min(1)).min(1) })

const Environment = z.object({
  HOST: z.string().default('127.0.0.1'),
  PORT: wholeNumber(0, 65_535).default(3000),
  DATA_DIR: z.string().optional(),
  LOG_LEVEL: z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`).default('info'),
  WECHAT_APPID: appid.optional(),
  WECHAT_SECRET: z.string().optional(),
  WECHAT_APPS: z.string().transform(parseApps).optional(),
  WECHAT_API_BASE_URL: url(['https:', 'http:'], DEFAULTS.wechatApiBaseUrl)
    .refine(isBareAddress, 'must not have a user, a password or a query')
    .optional(),
  WECHAT_EMULATOR: z.enum(['off', 'on', 'exposed'], 'must be off, on or exposed').default('off'),
  REDIS_URL: z
    .string()
    .refine((text) => parseRedisUrl(text) !== null, REDIS_FORMS)
    .optional(),
  DATABASE_URL: url(
    ['postgres:', 'postgresql:', 'mysql:'],
    'postgres://user@host/database or mysql://user@host/database',
  ).optional(),
  SESSION_IDLE_SECONDS: wholeNumber(60, 31_536_000).default(DEFAULTS.sessionIdleSeconds),
  SESSION_ABSOLUTE_SECONDS: wholeNumber(60, 315_360_000).default(DEFAULTS.sessionAbsoluteSeconds),
  SESSION_LIMIT: wholeNumber(0, 10_000).default(DEFAULTS.sessionLimit),
  SESSION_CACHE_MS: wholeNumber(0, 60_000).default(2000),
  TRUST_PROXY: z.string().transform(parseAddresses).optional(),
  SESSION_KEY_KEYS: z.string().transform(parseKeyRing).optional(),
})

/**
 * Reads the configuration out of environment variables; an empty one counts as not set.
 *
 * @throws ConfigError with every problem at once
 */
export function parseConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''))
  const parsed = Environment.safeParse(set)
  const problems = (parsed.error?.issues ?? []).map(({ path, message }) => `${String(path[0])} ${message}`)
  problems.push(...findContradictions(set))
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems)
  const e = parsed.data
  return Object.freeze({
    host: e.HOST,
    port: e.PORT,
    dataDir: e.DATA_DIR ?? (e.WECHAT_EMULATOR === 'off' ? './data' : './data/demo'),
    logLevel: e.LOG_LEVEL,
    apps: e.WECHAT_APPS ?? (e.WECHAT_APPID ? [{ appid: e.WECHAT_APPID, secrets: [e.WECHAT_SECRET ?? []].flat() }] : []),
    wechatApiBaseUrl: e.WECHAT_API_BASE_URL ?? DEFAULTS.wechatApiBaseUrl,
    emulator: e.WECHAT_EMULATOR !== 'off',
    emulatorExposed: e.WECHAT_EMULATOR === 'exposed',
    redisUrl: e.REDIS_URL ?? null,
    databaseUrl: e.DATABASE_URL ?? null,
    sessionIdleSeconds: e.SESSION_IDLE_SECONDS,
    sessionAbsoluteSeconds: e.SESSION_ABSOLUTE_SECONDS,
    sessionLimit: e.SESSION_LIMIT,
    sessionCacheMs: e.SESSION_CACHE_MS,
    trustProxy: e.TRUST_PROXY ?? [],
    sessionKeyKeys: e.SESSION_KEY_KEYS ?? null,
  })
}

/** What no single variable shows. */
function* findContradictions(e: Readonly<Record<string, string | undefined>>): Generator<string> {
  if ((e.WECHAT_EMULATOR ?? 'off') === 'off') {
    if (e.WECHAT_APPID && !e.WECHAT_SECRET) yield 'WECHAT_APPID is set without WECHAT_SECRET: set both'
    if (e.WECHAT_SECRET && !e.WECHAT_APPID) yield 'WECHAT_SECRET is set without WECHAT_APPID: set both'
    if (!e.WECHAT_APPID && !e.WECHAT_SECRET && !e.WECHAT_APPS) {
      yield 'no mini-program is configured: set WECHAT_APPID and WECHAT_SECRET (mp.weixin.qq.com, Development > Development Settings), or WECHAT_EMULATOR=on to try the service without an account'
    }
  } else {
    if (e.WECHAT_SECRET || e.WECHAT_APPS) {
      yield 'WECHAT_EMULATOR signs anybody in as anybody, so it is refused beside a real secret: unset WECHAT_SECRET and WECHAT_APPS, or WECHAT_EMULATOR'
    }
    if (e.WECHAT_EMULATOR === 'on' && e.HOST && !LOOPBACK.test(e.HOST)) {
      yield `WECHAT_EMULATOR signs anybody in as anybody, so it is refused on HOST=${e.HOST}: use 127.0.0.1, or WECHAT_EMULATOR=exposed if that is what you want`
    }
    if (e.WECHAT_API_BASE_URL) yield 'WECHAT_API_BASE_URL has no meaning with WECHAT_EMULATOR: unset one of them'
  }
  if (e.WECHAT_APPS && (e.WECHAT_APPID || e.WECHAT_SECRET)) {
    yield 'WECHAT_APPS and WECHAT_APPID/WECHAT_SECRET are both set: put every mini-program into WECHAT_APPS'
  }
  if (
    Number(e.SESSION_ABSOLUTE_SECONDS ?? DEFAULTS.sessionAbsoluteSeconds) <
    Number(e.SESSION_IDLE_SECONDS ?? DEFAULTS.sessionIdleSeconds)
  ) {
    yield 'SESSION_ABSOLUTE_SECONDS must not be shorter than SESSION_IDLE_SECONDS'
  }
  if (e.DATABASE_URL && !e.SESSION_KEY_KEYS) {
    yield 'DATABASE_URL needs SESSION_KEY_KEYS, because every process has to open what another one sealed: set it to k1:<output of openssl rand -base64 32>'
  }
}

function wholeNumber(min: number, max: number) {
  const message = `must be a whole number from ${min} to ${max}`
  return z
    .string()
    .regex(/^\d{1,15}$/, message)
    .transform(Number)
    .refine((value) => value >= min && value <= max, message)
}

function url(protocols: readonly string[], example: string) {
  const isWellFormed = (value: string) => URL.canParse(value) && protocols.includes(new URL(value).protocol)
  return z.string().refine(isWellFormed, `must be an address like ${example}`)
}

/** It is also printed at the start, where nothing secret may stand. */
function isBareAddress(text: string): boolean {
  const { username, password, search, hash } = URL.parse(text) ?? {}
  return !username && !password && !search && !hash
}

/** The vault itself says what is wrong with a ring; it never quotes a key. */
function parseKeyRing(keys: string, context: z.RefinementCtx): string {
  try {
    createSessionKeyVault({ keys })
  } catch (error) {
    const problem = (error as TypeError).message.replace(/^keys /, '')
    context.addIssue({ code: 'custom', message: `${problem} (openssl rand -base64 32 makes a key)` })
  }
  return keys
}

function parseApps(text: string, context: z.RefinementCtx): z.infer<typeof app>[] {
  const parsed = z.array(app).min(1).safeParse(parseJson(text))
  const appids = parsed.success ? parsed.data.map(({ appid }) => appid) : []
  if (parsed.success && new Set(appids).size === appids.length) return parsed.data
  context.addIssue({
    code: 'custom',
    message: parsed.success
      ? 'names an appid twice: give it all its secrets in one entry'
      : 'must be JSON like [{ "appid": "wx...", "secrets": ["..."] }]',
  })
  return z.NEVER
}

/** Not a number of hops and not "everybody": a caller could then write any address into the header. */
function parseAddresses(text: string, context: z.RefinementCtx): string[] {
  const addresses = text.split(',').map((address) => address.trim())
  if (addresses.every(isAddressRange)) return addresses
  const message = "must be the proxies' addresses, separated by commas, like 10.0.0.0/8,fd00::/8,192.0.2.7"
  context.addIssue({ code: 'custom', message })
  return z.NEVER
}

function isAddressRange(text: string): boolean {
  const [, address = '', bits] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const version = isIP(address)
  return version !== 0 && (bits === undefined || (Number(bits) >= 1 && Number(bits) <= (version === 4 ? 32 : 128)))
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
