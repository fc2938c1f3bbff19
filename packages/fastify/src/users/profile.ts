import type { UserProfile } from '@weapp-auth/shared'
import { ApiError } from '../api-error.ts'

/** What a user has who never filled the form. */
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

/**
 * Checks what a user says of themselves. A field left out becomes empty, because PUT replaces the whole profile.
 *
 * @throws ApiError `request_invalid` with a detail that names the field
 */
export function parseProfile(input: Partial<UserProfile>): UserProfile {
  // Field by field: whatever else the request brought stays out of the store.
  const { nickname = '', avatarUrl = '', gender = 0, country = '', province = '', city = '', language = '' } = input
  const profile = { nickname, avatarUrl, gender, country, province, city, language }
  for (const [field, limit] of Object.entries(PROFILE_LIMITS)) {
    const text = profile[field as keyof typeof PROFILE_LIMITS]
    if ([...text].length > limit) throw invalid(field, `must not have more than ${limit} characters`)
    if (CONTROL.test(text)) throw invalid(field, 'must not contain control characters')
    if (BIDI.test(text)) throw invalid(field, 'must not contain characters that change the direction of text')
  }
  if (profile.avatarUrl !== '' && !isHttpsUrl(profile.avatarUrl)) {
    throw invalid('avatarUrl', 'must be an https address without credentials, or empty')
  }
  return profile
}

function isHttpsUrl(text: string): boolean {
  if (/\s/.test(text) || !URL.canParse(text)) return false
  const { protocol, username, password } = new URL(text)
  return protocol === 'https:' && username === '' && password === ''
}

function invalid(field: string, problem: string): ApiError {
  return new ApiError('request_invalid', `profile field ${field} was refused`, { detail: `${field} ${problem}` })
}
