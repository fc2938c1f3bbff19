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
        const detail = `more than ${max} requests ${windowOf(config.rateLimit) === HOUR_MS ? 'an hour' : 'a minute'}`
        return new ApiError('rate_limited', detail, { detail, retryAfterSeconds: Math.max(1, Math.ceil(ttl / 1000)) })
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
  const { signInsPerMinute = 600, openDataPerMinute = 600, avatarsPerHour = 20 } = options
  for (const [name, value] of Object.entries({ signInsPerMinute, openDataPerMinute, avatarsPerHour })) {
    if (!Number.isSafeInteger(value) || value < 0) throw new TypeError(`rateLimits.${name} must be a whole number`)
  }
  return {
    signIn: signInsPerMinute > 0 && { max: signInsPerMinute, timeWindow: MINUTE_MS },
    openData: openDataPerMinute > 0 && { max: openDataPerMinute, timeWindow: MINUTE_MS, keyGenerator: userOf },
    avatar: avatarsPerHour > 0 && { max: avatarsPerHour, timeWindow: HOUR_MS, keyGenerator: userOf },
  }
}

function userOf({ auth }: FastifyRequest): string {
  return auth.userId
}

function windowOf(limit: RouteLimit | undefined): unknown {
  return limit ? limit.timeWindow : undefined
}
