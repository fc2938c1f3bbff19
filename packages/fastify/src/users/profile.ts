import type { UserProfile } from '@weapp-auth/shared'
import { ApiError } from '../api-error.ts'

/** The profile of a user who never filled the form. */
export const EMPTY_PROFILE: Readonly<UserProfile> = Object.freeze({
  nickname: '',
  avatarUrl: '',
  gender: 0,
  country: '',
  province: '',
  city: '',
  language: '',
})

/** Longest texts, in Unicode code points. */
export const PROFILE_LIMITS = {
  nickname: 64,
  avatarUrl: 1024,
  country: 64,
  province: 64,
  city: 64,
  language: 35, // the longest tag RFC 5646 section 4.4.1 asks to expect
} as const

/** Line and paragraph separators break a log or a page as a line feed would; a lone surrogate is no text at all. */
const CONTROL = /[\p{Cc}\p{Zl}\p{Zp}\p{Cs}]/u
/** The characters that reverse how text around them reads: a name could dress up as another one. */
const BIDI = /\p{Bidi_Control}/u
/** Nothing that anybody could see: spaces, joiners, fillers, and U+2800, the Braille pattern without a dot. */
const INVISIBLE = /^[\p{White_Space}\p{Default_Ignorable_Code_Point}\p{Cf}\u2800]*$/u

/**
 * Checks the fields that users fill in about themselves. Whatever else the request holds is left out. A nickname of
 * nothing but invisible characters becomes empty, an avatarUrl its normal form (`URL.href`).
 *
 * @throws ApiError `request_invalid` with a detail that names the field
 */
export function parseProfileChanges({ gender, ...input }: Partial<UserProfile>): Partial<UserProfile> {
  const changes: Partial<UserProfile> = gender === undefined ? {} : { gender }
  for (const field of Object.keys(PROFILE_LIMITS) as (keyof typeof PROFILE_LIMITS)[]) {
    const text = input[field]
    if (text !== undefined) changes[field] = parseText(field, text)
  }
  return changes
}

function parseText(field: keyof typeof PROFILE_LIMITS, input: string): string {
  if (CONTROL.test(input)) throw invalid(field, 'must not contain control characters')
  if (BIDI.test(input)) throw invalid(field, 'must not contain characters that change the direction of text')
  const text = field === 'avatarUrl' ? parseHttpsUrl(input) : input
  const limit = PROFILE_LIMITS[field]
  if ([...text].length > limit) throw invalid(field, `must not have more than ${limit} characters`)
  return field === 'nickname' && INVISIBLE.test(text) ? '' : text
}

function parseHttpsUrl(text: string): string {
  if (text === '') return text
  const url = /\s/.test(text) ? null : URL.parse(text)
  if (url?.protocol === 'https:' && url.username === '' && url.password === '') return url.href
  throw invalid('avatarUrl', 'must be an https address without credentials, or empty')
}

function invalid(field: string, problem: string): ApiError {
  return new ApiError('request_invalid', `profile field ${field} was refused`, { detail: `${field} ${problem}` })
}
