import { isIP } from 'node:net'
import { APPID_PATTERN, createSessionKeyVault, DEFAULTS, parseS3Url } from '@weapp-auth/fastify'
import * as z from 'zod'
import { findHookContradictions, hookAddress, hookSecret } from './hooks/settings.ts'
import { inLanguage, type Language, type Say } from './language.ts'
import { LOOPBACK } from './loopback.ts'
import { type PushApps, parsePush } from './push-config.ts'
import { parseRedisUrl } from './redis-url.ts'
import { findServiceContradictions, parseTokens } from './service-api/settings.ts'
import type { ServiceToken } from './service-api/tokens.ts'

const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const

/** What the service can be told, read from the environment once, at the start. */
export interface Config {
  host: string
  port: number
  /** Where the embedded databases stand, and avatars that are in no bucket. */
  dataDir: string
  logLevel: (typeof LOG_LEVELS)[number]
  /** The mini-programs that sign in here. With the emulator on they need no secret. */
  apps: readonly { appid: string; secrets: string[] }[]
  wechatApiBaseUrl: string
  /** WeChat played by this process: whoever asks is signed in as whomever they name. */
  emulator: boolean
  /** Whether the emulator answers under any `Host` and on any address, not only on the loopback ones. */
  emulatorExposed: boolean
  redisUrl: string | null
  databaseUrl: string | null
  sessionIdleSeconds: number
  sessionAbsoluteSeconds: number
  /** Sessions one user may have; the oldest gives way. 0: any number. */
  sessionLimit: number
  /** How long, in milliseconds, a process may trust a cached session before it asks Redis again. 0: asks for each request. */
  sessionCacheMs: number
  /** The proxies in front whose `X-Forwarded-For` is believed: addresses and ranges. */
  trustProxy: readonly string[]
  /** Key ring that seals the session_keys at rest, `kid:base64,kid:base64`; null: made once and kept in `dataDir`. */
  sessionKeyKeys: string | null
  /** Whether a first sign-in with a phone code takes over the user who was given that number. */
  linkByPhone: boolean
  /** What WeChat's push is signed and encrypted with, by appid; null: there is no push. */
  push: PushApps | null
  /** The program that is asked at each sign-in, and what the calls are signed with; null: none is asked. */
  signInHook: { url: string; secret: string } | null
  /** The program that is told what happened to users, and what the calls are signed with; null: none is. */
  eventHook: { url: string; secret: string } | null
  /** The bucket of avatars, with its credentials; null: they are kept in `dataDir`. */
  avatarS3Url: string | null
  /** What stands in front of a slash and the name of an avatar; null: the address that it was sent to, with `/avatars`. */
  avatarPublicUrl: string | null
  /** How long is kept what happened to users. */
  eventsDays: number
  /** Where traces are sent; null: there are none. Everything else about them is in the variables of OpenTelemetry. */
  tracesTo: string | null
  /** The listener for backends and operators; null: there is none. */
  service: ServiceListener | null
}

/** Where the service API listens, and whom it lets in. */
export interface ServiceListener {
  host: string
  port: number
  tokens: readonly ServiceToken[]
}

/** Everything that is wrong with the environment, one problem a line. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[], say: Say) {
    const head = say('the configuration cannot be used:', '配置有误，服务无法启动：')
    super(`${head}\n${problems.map((problem) => `  - ${problem}`).join('\n')}`)
    this.problems = problems
  }
}

const App = z.object({ appid: z.string().regex(APPID_PATTERN), secrets: z.array(z.string().min(1)).min(1) })

/** Each variable with what is said when it is wrong, after its name. */
const environment = (say: Say) =>
  z.object({
    HOST: z.string().default('127.0.0.1'),
    PORT: wholeNumber(say, 0, 65_535).default(3000),
    DATA_DIR: z.string().optional(),
    LOG_LEVEL: oneOf(say, LOG_LEVELS).default('info'),
    WECHAT_APPID: z
      .string()
      .regex(APPID_PATTERN, say('must be 1 to 64 letters, digits, - or _', '必须是 1 到 64 个字母、数字、- 或 _'))
      .optional(),
    WECHAT_SECRET: z.string().optional(),
    WECHAT_APPS: z.string().transform(parseApps(say)).optional(),
    WECHAT_API_BASE_URL: url(say, ['https:', 'http:'], DEFAULTS.wechatApiBaseUrl)
      .refine(isBareAddress, say('must not have a user, a password or a query', '不能带用户名、密码或查询参数'))
      .optional(),
    WECHAT_EMULATOR: oneOf(say, ['off', 'on', 'exposed'] as const).default('off'),
    REDIS_URL: z
      .string()
      .refine(
        (text) => parseRedisUrl(text) !== null,
        addressLike(
          say,
          'redis://127.0.0.1:6379',
          'rediss://user:password@host/0',
          'redis+sentinel://host:26379,host:26379/name',
          'redis+cluster://host:6379,host:6379',
        ),
      )
      .optional(),
    DATABASE_URL: url(
      say,
      ['postgres:', 'postgresql:', 'mysql:'],
      'postgres://user@host/database',
      'mysql://user@host/database',
    ).optional(),
    SESSION_IDLE_SECONDS: wholeNumber(say, 60, 31_536_000).default(DEFAULTS.sessionIdleSeconds),
    SESSION_ABSOLUTE_SECONDS: wholeNumber(say, 60, 315_360_000).default(DEFAULTS.sessionAbsoluteSeconds),
    SESSION_LIMIT: wholeNumber(say, 0, 10_000).default(DEFAULTS.sessionLimit),
    SESSION_CACHE_MS: wholeNumber(say, 0, 60_000).default(2000),
    TRUST_PROXY: z.string().transform(parseAddresses(say)).optional(),
    SESSION_KEY_KEYS: z.string().transform(parseKeyRing(say)).optional(),
    LINK_BY_PHONE: oneOf(say, ['off', 'on'] as const).default('off'),
    WECHAT_PUSH: z.string().transform(parsePush(say)).optional(),
    HOOK_SIGN_IN_URL: hookAddress(say).optional(),
    EVENTS_URL: hookAddress(say).optional(),
    HOOK_SECRET: hookSecret(say).optional(),
    AVATAR_S3_URL: z.string().transform(parseBucket(say)).optional(),
    AVATAR_PUBLIC_URL: url(say, ['https:', 'http:'], 'https://auth.example.com/avatars')
      .refine(isBareAddress, say('must not have a user, a password or a query', '不能带用户名、密码或查询参数'))
      .optional(),
    EVENTS_DAYS: wholeNumber(say, 1, 36_500).default(90),
    SERVICE_PORT: wholeNumber(say, 0, 65_535).optional(),
    SERVICE_HOST: z.string().default('127.0.0.1'),
    SERVICE_TOKENS: z.string().transform(parseTokens(say)).optional(),
    SERVICE_EXPOSED: oneOf(say, ['off', 'on'] as const).default('off'),
    OTEL_EXPORTER_OTLP_ENDPOINT: url(say, ['https:', 'http:'], 'http://127.0.0.1:4318').optional(),
  })

/**
 * Reads the configuration out of environment variables; an empty one counts as not set.
 *
 * @param language of the problems. Default: English
 * @throws ConfigError with every problem at once
 */
export function parseConfig(env: Readonly<Record<string, string | undefined>>, language: Language = 'en'): Config {
  const say = inLanguage(language)
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''))
  const parsed = environment(say).safeParse(set)
  const problems = (parsed.error?.issues ?? []).map(({ path, message }) => `${String(path[0])} ${message}`)
  problems.push(...findContradictions(set, say), ...findServiceContradictions(set, say))
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems, say)
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
    push: e.WECHAT_PUSH ?? null,
    eventHook: e.EVENTS_URL && e.HOOK_SECRET ? { url: e.EVENTS_URL, secret: e.HOOK_SECRET } : null,
    signInHook: e.HOOK_SIGN_IN_URL && e.HOOK_SECRET ? { url: e.HOOK_SIGN_IN_URL, secret: e.HOOK_SECRET } : null,
    linkByPhone: e.LINK_BY_PHONE === 'on',
    avatarS3Url: e.AVATAR_S3_URL ?? null,
    avatarPublicUrl: e.AVATAR_PUBLIC_URL ?? null,
    eventsDays: e.EVENTS_DAYS,
    tracesTo: e.OTEL_EXPORTER_OTLP_ENDPOINT ?? null,
    service:
      e.SERVICE_PORT === undefined
        ? null
        : { host: e.SERVICE_HOST, port: e.SERVICE_PORT, tokens: e.SERVICE_TOKENS ?? [] },
  })
}

/** Problems of several variables together. */
function* findContradictions(e: Readonly<Record<string, string | undefined>>, say: Say): Generator<string> {
  if ((e.WECHAT_EMULATOR ?? 'off') === 'off') {
    if (e.WECHAT_APPID && !e.WECHAT_SECRET)
      yield say(
        'WECHAT_APPID is set without WECHAT_SECRET: set both',
        '设置了 WECHAT_APPID，却没有 WECHAT_SECRET：两个都要设置',
      )
    if (e.WECHAT_SECRET && !e.WECHAT_APPID)
      yield say(
        'WECHAT_SECRET is set without WECHAT_APPID: set both',
        '设置了 WECHAT_SECRET，却没有 WECHAT_APPID：两个都要设置',
      )
    if (!e.WECHAT_APPID && !e.WECHAT_SECRET && !e.WECHAT_APPS) {
      yield say(
        'no mini-program is configured: set WECHAT_APPID and WECHAT_SECRET (mp.weixin.qq.com, Development > Development Settings), or WECHAT_EMULATOR=on to try the service without an account',
        '还没有配置小程序：请设置 WECHAT_APPID 和 WECHAT_SECRET（mp.weixin.qq.com 的“开发管理 > 开发设置”）；没有账号想先试用，请设置 WECHAT_EMULATOR=on',
      )
    }
  } else {
    if (e.WECHAT_SECRET || e.WECHAT_APPS) {
      yield say(
        'WECHAT_EMULATOR signs anybody in as anybody, so it is refused beside a real secret: unset WECHAT_SECRET and WECHAT_APPS, or WECHAT_EMULATOR',
        'WECHAT_EMULATOR 会让任何人以任何身份登录，不能和真实的密钥一起使用：请去掉 WECHAT_SECRET 和 WECHAT_APPS，或者去掉 WECHAT_EMULATOR',
      )
    }
    if (e.WECHAT_EMULATOR === 'on' && e.HOST && !LOOPBACK.test(e.HOST)) {
      yield say(
        `WECHAT_EMULATOR signs anybody in as anybody, so it is refused on HOST=${e.HOST}: use 127.0.0.1, or WECHAT_EMULATOR=exposed if that is what you want`,
        `WECHAT_EMULATOR 会让任何人以任何身份登录，不能用在 HOST=${e.HOST} 上：请改用 127.0.0.1；确实要对外开放，请设置 WECHAT_EMULATOR=exposed`,
      )
    }
    if (e.WECHAT_API_BASE_URL) {
      yield say(
        'WECHAT_API_BASE_URL has no meaning with WECHAT_EMULATOR: unset one of them',
        '打开 WECHAT_EMULATOR 后，WECHAT_API_BASE_URL 没有意义：请去掉其中一个',
      )
    }
  }
  if (e.WECHAT_APPS && (e.WECHAT_APPID || e.WECHAT_SECRET)) {
    yield say(
      'WECHAT_APPS and WECHAT_APPID/WECHAT_SECRET are both set: put every mini-program into WECHAT_APPS',
      'WECHAT_APPS 和 WECHAT_APPID/WECHAT_SECRET 不能同时设置：请把所有小程序都写进 WECHAT_APPS',
    )
  }
  if (
    Number(e.SESSION_ABSOLUTE_SECONDS ?? DEFAULTS.sessionAbsoluteSeconds) <
    Number(e.SESSION_IDLE_SECONDS ?? DEFAULTS.sessionIdleSeconds)
  ) {
    yield say(
      'SESSION_ABSOLUTE_SECONDS must not be shorter than SESSION_IDLE_SECONDS',
      'SESSION_ABSOLUTE_SECONDS 不能小于 SESSION_IDLE_SECONDS',
    )
  }
  const unknown = findUnknownPush(e)
  if (unknown !== undefined) {
    yield say(
      `WECHAT_PUSH names ${unknown}, which is not one of the mini-programs of WECHAT_APPID or WECHAT_APPS`,
      `WECHAT_PUSH 里的 ${unknown} 不在 WECHAT_APPID 或 WECHAT_APPS 中`,
    )
  }
  yield* findHookContradictions(e, say)
  if (e.DATABASE_URL && !e.SESSION_KEY_KEYS) {
    yield say(
      'DATABASE_URL needs SESSION_KEY_KEYS, because every process has to open what another one sealed: set it to k1:<output of openssl rand -base64 32>',
      '使用 DATABASE_URL 时必须设置 SESSION_KEY_KEYS，因为一个进程加密的内容，其他进程也要能解开：请设为 k1:<openssl rand -base64 32 的输出>',
    )
  }
}

/** The demonstration has a mini-program of its own. */
function findUnknownPush(e: Readonly<Record<string, string | undefined>>): string | undefined {
  if (!e.WECHAT_PUSH || (e.WECHAT_EMULATOR ?? 'off') !== 'off') return undefined
  const apps = z.array(App).safeParse(parseJson(e.WECHAT_APPS ?? '[]'))
  const known = [e.WECHAT_APPID, ...(apps.data ?? []).map(({ appid }) => appid)]
  return Object.keys(Object(parseJson(e.WECHAT_PUSH))).find((appid) => !known.includes(appid))
}

function wholeNumber(say: Say, min: number, max: number) {
  const message = say(`must be a whole number from ${min} to ${max}`, `必须是 ${min} 到 ${max} 之间的整数`)
  return z
    .string()
    .regex(/^\d{1,15}$/, message)
    .transform(Number)
    .refine((value) => value >= min && value <= max, message)
}

function oneOf<const T extends readonly string[]>(say: Say, values: T) {
  return z.enum(values, say(`must be one of ${values.join(', ')}`, `只能是 ${values.join('、')} 之一`))
}

function addressLike(say: Say, ...examples: string[]): string {
  return say(`must be an address like ${examples.join(' or ')}`, `必须是这样的地址：${examples.join(' 或 ')}`)
}

function url(say: Say, protocols: readonly string[], ...examples: string[]) {
  const isWellFormed = (value: string) => URL.canParse(value) && protocols.includes(new URL(value).protocol)
  return z.string().refine(isWellFormed, addressLike(say, ...examples))
}

/** The address is printed at the start, so that nothing secret may be in it. */
function isBareAddress(text: string): boolean {
  const { username, password, search, hash } = URL.parse(text) ?? {}
  return !username && !password && !search && !hash
}

/** The vault itself says what is wrong with a ring, in English; it never quotes a key. */
const parseKeyRing =
  (say: Say) =>
  (keys: string, context: z.RefinementCtx): string => {
    try {
      createSessionKeyVault({ keys })
    } catch (error) {
      const problem = (error as TypeError).message.replace(/^keys /, '')
      const message = say(
        `${problem} (openssl rand -base64 32 makes a key)`,
        '必须形如 kid:base64,kid:base64：每个密钥 32 字节（用 openssl rand -base64 32 生成），kid 不能重复',
      )
      context.addIssue({ code: 'custom', message })
    }
    return keys
  }

const parseApps =
  (say: Say) =>
  (text: string, context: z.RefinementCtx): z.infer<typeof App>[] => {
    const parsed = z.array(App).min(1).safeParse(parseJson(text))
    const appids = parsed.success ? parsed.data.map(({ appid }) => appid) : []
    if (parsed.success && new Set(appids).size === appids.length) return parsed.data
    const example = '[{ "appid": "wx...", "secrets": ["..."] }]'
    const message = parsed.success
      ? say(
          'names an appid twice: give it all its secrets in one entry',
          '里同一个 appid 出现了两次：请把它的密钥都写在一项里',
        )
      : say(`must be JSON like ${example}`, `必须是这样的 JSON：${example}`)
    context.addIssue({ code: 'custom', message })
    return z.NEVER
  }

/** Nothing of the address is quoted: the credentials stand in it. */
const parseBucket =
  (say: Say) =>
  (url: string, context: z.RefinementCtx): string => {
    try {
      parseS3Url(url)
    } catch (error) {
      const message = say(
        (error as TypeError).message,
        '必须形如 https://id:secret@bucket.cos.ap-guangzhou.myqcloud.com?region=ap-guangzhou：带有存储桶的密钥，除 region 外没有其他参数，密钥里的特殊字符要编码',
      )
      context.addIssue({ code: 'custom', message })
    }
    return url
  }

/** Not a number of hops and not "everybody": a caller could then write any address into the header. */
const parseAddresses =
  (say: Say) =>
  (text: string, context: z.RefinementCtx): string[] => {
    const addresses = text.split(',').map((address) => address.trim())
    if (addresses.every(isAddressRange)) return addresses
    const example = '10.0.0.0/8,fd00::/8,192.0.2.7'
    const message = say(
      `must be the proxies' addresses, separated by commas, like ${example}`,
      `必须是各个代理的地址，用逗号隔开，例如 ${example}`,
    )
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
