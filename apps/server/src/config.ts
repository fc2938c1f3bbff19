import { APPID_PATTERN, DEFAULTS } from '@weapp-auth/fastify'
import * as z from 'zod'
import { findContradictions } from './config-contradictions.ts'
import {
  addressLike,
  isBareAddress,
  oneOf,
  parseAddresses,
  parseApps,
  parseBucket,
  parseKeyRing,
  url,
  wholeNumber,
} from './config-values.ts'
import { hookAddress, hookSecret } from './hooks/settings.ts'
import { inLanguage, type Language, type Say } from './language.ts'
import { type PushApps, parsePush } from './push-config.ts'
import { parseRedisUrl } from './redis-url.ts'
import { parseTokens } from './service-api/settings.ts'
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
    LINK_BY_PHONE: oneOf(say, ['off', 'on'] as const).optional(),
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
    SERVICE_EXPOSED: oneOf(say, ['off', 'on'] as const).optional(),
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
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ''))
  const parsed = environment(say).safeParse(set)
  const problems = (parsed.error?.issues ?? []).map(({ path, message }) => `${String(path[0])} ${message}`)
  problems.push(...findContradictions(set, say))
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
