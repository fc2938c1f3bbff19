import { fastifyRateLimit, type RateLimitOptions } from '@fastify/rate-limit'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { ApiError } from '../../api-error.ts'
import type { RedisClient } from '../../redis.ts'

/** How many requests are let in, and where they are counted. */
export interface RateLimitsOptions {
  /** Sign-ins of one address a minute; an IPv6 address counts by its /64. Default 600: carriers put thousands of phones behind one. 0: no limit. */
  signInsPerMinute?: number
  /** Open data requests of one user a minute, of each route. Default 600. 0: no limit. */
  openDataPerMinute?: number
  /** Avatars one user may send an hour. Default 20. 0: no limit. */
  avatarsPerHour?: number
  /** Phone codes one user may send an hour, with a sign-in or later. Default 10. 0: no limit. */
  phoneCodesPerHour?: number
  /** Counts for all processes together. Without it each process counts for itself. */
  redis?: RedisClient
  /** Default `weapp-auth:`. */
  keyPrefix?: string
}

/** The limit of a route, as its `config: { rateLimit }`; false: none. */
export type RouteLimit = RateLimitOptions | false

/** The limits of our routes. */
export interface RateLimits {
  /** By address. */
  signIn: RouteLimit
  /** By user: only for routes with the guard `authenticate`. */
  openData: RouteLimit
  /** By user. */
  avatar: RouteLimit
  /** For {@link createCount}. */
  phoneCode: RouteLimit
}

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

/** Applies the limits of the routes of a scope. While the store of the counters is away, no request is limited. */
export const countRequests = fp(
  async (scope: FastifyInstance, { redis, keyPrefix = 'weapp-auth:' }: RateLimitsOptions) => {
    await scope.register(fastifyRateLimit, {
      global: false,
      skipOnError: true,
      ...(redis && { redis, nameSpace: `${keyPrefix}l:` }),
      // Sends no headers about what is left of the limit: our client does not read them. `Retry-After` comes with the problem.
      addHeaders: NO_HEADERS,
      addHeadersOnExceeding: NO_HEADERS,
      errorResponseBuilder: ({ routeOptions: { config } }, { max, ttl }) => {
        const window = windowOf(config.rateLimit) === HOUR_MS ? 'an hour' : 'a minute'
        return tooMany(`more than ${max} requests ${window}`, ttl)
      },
    })
  },
  { name: '@weapp-auth/rate-limit', fastify: '5.x' },
)

const NO_HEADERS = {
  'x-ratelimit-limit': false,
  'x-ratelimit-remaining': false,
  'x-ratelimit-reset': false,
  'retry-after': false,
}

/** @throws TypeError that names the option which is no whole number */
export function createRateLimits(options: RateLimitsOptions): RateLimits {
  const { signInsPerMinute = 600, openDataPerMinute = 600, avatarsPerHour = 20, phoneCodesPerHour = 10 } = options
  const numbers = { signInsPerMinute, openDataPerMinute, avatarsPerHour, phoneCodesPerHour }
  for (const [name, value] of Object.entries(numbers)) {
    if (!Number.isSafeInteger(value) || value < 0) throw new TypeError(`rateLimits.${name} must be a whole number`)
  }
  return {
    signIn: signInsPerMinute > 0 && { max: signInsPerMinute, timeWindow: MINUTE_MS },
    openData: openDataPerMinute > 0 && { max: openDataPerMinute, timeWindow: MINUTE_MS, keyGenerator: userOf },
    avatar: avatarsPerHour > 0 && { max: avatarsPerHour, timeWindow: HOUR_MS, keyGenerator: userOf },
    phoneCode: phoneCodesPerHour > 0 && { max: phoneCodesPerHour, timeWindow: HOUR_MS },
  }
}

/**
 * Counts one use under a key that a handler knows, and no hook: the user who signs in, say.
 *
 * @throws ApiError `rate_limited`
 */
export type CountUse = (request: FastifyRequest, key: string) => Promise<void>

/**
 * Makes a counter for a scope with {@link countRequests}.
 *
 * @param what is counted, for the caller: `phone codes`
 */
export function createCount(scope: FastifyInstance, limit: RouteLimit, what: string): CountUse {
  if (!limit) return async () => {}
  const keys = new WeakMap<FastifyRequest, string>()
  const count = scope.createRateLimit({ ...limit, keyGenerator: (request) => keys.get(request) ?? '' })
  return async (request, key) => {
    keys.set(request, key)
    const use = await count(request)
    if (!use.isAllowed && use.isExceeded) throw tooMany(`more than ${use.max} ${what} an hour`, use.ttl)
  }
}

function tooMany(detail: string, ttlMs: number): ApiError {
  return new ApiError('rate_limited', detail, { detail, retryAfterSeconds: Math.max(1, Math.ceil(ttlMs / 1000)) })
}

function userOf({ auth }: FastifyRequest): string {
  return auth.userId
}

function windowOf(limit: RouteLimit | undefined): unknown {
  return limit ? limit.timeWindow : undefined
}
