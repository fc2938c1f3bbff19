import { ApiError, type PhoneNumber, type Session, schemas, type User } from '@weapp-auth/fastify'
import type { BodyOf } from './typed-routes.ts'

/*
 * JSON schemas that several groups of routes use. Fields that the schema of an answer does not name are cut off, so that no openid or
 * token can leave by accident.
 */

export const text = { type: 'string' } as const
export const time = { type: 'string', format: 'date-time' } as const
export const timeOrNull = { type: ['string', 'null'], format: 'date-time' } as const

/** The schema of an object whose properties are all required, except those named in `optional`. */
export function object<const P extends Record<string, object>, const O extends string = never>(
  properties: P,
  optional: readonly O[] = [],
) {
  // All that its readers use is which names are in it; as a tuple, because that is what TypeBox's types read.
  const required = Object.keys(properties).filter((name) => !(optional as readonly string[]).includes(name))
  return {
    type: 'object',
    properties,
    required: required as unknown as readonly [Exclude<keyof P & string, O>],
  } as const
}

/** An id or another text to look up. A text that cannot be an id is not found, which is no mistake of the caller. */
export const id = { type: 'string', minLength: 1, maxLength: 128 } as const

/** The parameter of the paths about one user. */
export const userParams = object({ id })

/** The host's own id for a user. */
export const externalId = {
  type: 'string',
  pattern: '^[\\x21-\\x7e]{1,128}$',
  description: 'Your own id for the user: 1 to 128 visible ASCII characters.',
} as const

/** A mini-program. */
export const appid = {
  type: 'string',
  minLength: 1,
  maxLength: 64,
  description: 'The appid of a mini-program.',
} as const

/** A phone number as callers give it. */
export const phone = object(
  {
    number: { type: 'string', pattern: '^\\d{4,15}$', description: 'Without the country code: 13800138000.' },
    countryCode: { type: 'string', pattern: '^\\d{1,4}$', description: 'Without a plus sign. Default: 86.' },
  },
  ['countryCode'],
)

/** A phone number with its country, 86 where none was given. */
export function toPhone({ number, countryCode = '86' }: BodyOf<typeof phone>): PhoneNumber {
  return { number, countryCode }
}

/** A user as backends and operators see it, without anything of WeChat and without the phone number. */
export const serviceUser = object({
  id: text,
  createdAt: time,
  profile: schemas.UserProfile,
  externalId: { type: ['string', 'null'] },
  disabled: {
    description: 'Null: the user may sign in.',
    anyOf: [object({ at: time, until: timeOrNull, reason: text }), { type: 'null' }],
  },
})

/** A user in a body of this API. */
export function toServiceUser({ id, createdAtMs, profile, externalId, disabled }: User) {
  return {
    id,
    createdAt: toTime(createdAtMs),
    profile,
    externalId,
    disabled: disabled && {
      at: toTime(disabled.atMs),
      until: disabled.untilMs === null ? null : toTime(disabled.untilMs),
      reason: disabled.reason,
    },
  }
}

/** One live session, without its token. */
export const serviceSession = object(
  { id: text, appid: text, createdAt: time, lastSeenAt: time, expiresAt: time, device: schemas.Device },
  ['device'],
)

/** A session in a body of this API. */
export function toServiceSession({ id, appid, createdAtMs, lastSeenMs, expiresAtMs, device }: Session) {
  return {
    id,
    appid,
    createdAt: toTime(createdAtMs),
    lastSeenAt: toTime(lastSeenMs),
    expiresAt: toTime(expiresAtMs),
    ...(device && { device }),
  }
}

/** Which page of a list a caller asks for. */
export const pageQuery = object(
  {
    after: { type: 'string', maxLength: 256, description: 'The `next` of the page before. Default: the first page.' },
    limit: { type: 'string', pattern: '^([1-9]\\d{0,2}|1000)$', description: '1 to 1 000 on a page. Default: 100.' },
  },
  ['after', 'limit'],
)

/** @returns how many entries the caller asks for, 100 by default */
export function limitOf({ limit = '100' }: BodyOf<typeof pageQuery>): number {
  return Number(limit)
}

/** The value for `after` that asks for the next page; null on the last page. */
export const next = { type: ['string', 'null'] } as const

/** Milliseconds since 1970 as ISO 8601. */
export function toTime(ms: number): string {
  return new Date(ms).toISOString()
}

/** @throws ApiError `not_found`, about a user who is not there, or is being erased */
export function presentUser(user: User | null): User {
  if (!user) throw noSuchUser()
  return user
}

/** What is answered about a user who is not there, or is being erased. */
export function noSuchUser(): ApiError {
  return notFound('there is no such user')
}

/** @param detail says what is not there */
export function notFound(detail: string): ApiError {
  return new ApiError('not_found', detail, { detail })
}

/** @param detail says what the caller did wrong */
export function invalid(detail: string): ApiError {
  return new ApiError('request_invalid', detail, { detail })
}

/** With a time zone, so that caller and service mean the same time. */
const ISO_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)$/

/**
 * @param name of the field, for the caller
 * @throws ApiError `request_invalid`
 */
export function toDate(name: string, text: string): Date {
  const date = new Date(text)
  if (ISO_TIME.test(text) && !Number.isNaN(date.getTime())) return date
  throw invalid(`${name} must be a date and a time like 2026-12-31T00:00:00+08:00`)
}
