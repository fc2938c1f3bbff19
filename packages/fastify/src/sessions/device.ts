import type { Device } from '@weapp-auth/shared'

const MAX_CODE_POINTS = 64

/**
 * What is kept of a phone's description of itself: the fields we know, as well-formed text, each cut at 64 code points. A
 * description that is too long, or malformed, is no reason to refuse a sign-in.
 */
export function toStoredDevice({ platform, model, system, wechatVersion, sdkVersion }: Device): Device {
  const known = Object.entries({ platform, model, system, wechatVersion, sdkVersion })
  return Object.fromEntries(known.flatMap(([name, text]) => (text === undefined ? [] : [[name, cut(text)]])))
}

/** Never in the middle of an emoji: half of one is no text, and a parser that reads it back may refuse it. */
function cut(text: string): string {
  // `slice` counts UTF-16 units; a code point has one or two of them.
  const codePoints = [...text.slice(0, 2 * MAX_CODE_POINTS)]
  return codePoints.slice(0, MAX_CODE_POINTS).join('').toWellFormed()
}
