import { createDecipheriv, hash, timingSafeEqual } from 'node:crypto'
import { ApiError } from '../api-error.ts'
import type { WechatKeys } from '../wechat-identity.ts'

const BLOCK_BYTES = 16
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/
/** Data is decrypted when the user has just tapped; older data is a replay. */
const MAX_AGE_MS = 3_600_000
/** How far WeChat's clock may be ahead of ours. */
const MAX_AHEAD_MS = 300_000

/** Encrypted data as the phone got it from WeChat. */
export interface EncryptedData {
  /** Base64. */
  encryptedData: string
  /** Base64. */
  iv: string
}

/** Signed data as the phone got it from WeChat. */
export interface SignedData {
  /** The text as the phone got it, to the letter. */
  rawData: string
  /** Hex. */
  signature: string
}

/** What the data must match: the user, the mini-program and the time. */
export interface OpenDataContext {
  appid: string
  nowMs: number
}

/**
 * Opens data that WeChat encrypted for this user of this mini-program within the last hour: AES-128-CBC under the session_key,
 * PKCS#7. Null when the data is anything else, for whatever reason. All keys are always tried, so that the time it takes tells
 * none of them apart.
 *
 * CBC has no authenticity: whoever alters the bytes alters the text behind them, and nothing in the format shows it. The appid,
 * the time and the openId are checked; what else is in the data must be checked by whoever acts on it.
 *
 * The identifiers and the watermark are checked and left out. Some data names no openId (a phone number, steps); the session_key
 * itself is that user's alone.
 *
 * @throws ApiError `request_invalid` for what is not base64
 * @see https://developers.weixin.qq.com/miniprogram/dev/framework/open-ability/signature.html
 */
export function decryptOpenData(
  { encryptedData, iv }: EncryptedData,
  { openid, sessionKeys }: WechatKeys,
  { appid, nowMs }: OpenDataContext,
): Record<string, unknown> | null {
  const cipher = { text: parseBase64('encryptedData', encryptedData), iv: parseBase64('iv', iv) }
  if (cipher.text.length % BLOCK_BYTES !== 0 || cipher.iv.length !== BLOCK_BYTES) return null
  const opened = sessionKeys.map((key) => parseObject(decrypt(cipher, Buffer.from(key, 'base64'))))
  const found = opened.filter((data) => data !== null && isAbout(data, openid) && isMarked(data, { appid, nowMs }))[0]
  if (!found) return null
  const { openId: _openId, unionId: _unionId, watermark: _watermark, ...data } = found
  return data
}

/** Whether WeChat signed this text for this user: SHA-1 of the text and the session_key. All keys are always tried. */
export function isSignedOpenData({ rawData, signature }: SignedData, { sessionKeys }: WechatKeys): boolean {
  return sessionKeys.filter((key) => isSame(hash('sha1', rawData + key), signature)).length > 0
}

/** `Buffer.from` alone would read past anything that is not base64. */
function parseBase64(field: string, text: string): Buffer {
  if (BASE64.test(text)) return Buffer.from(text, 'base64')
  const detail = `${field} must be base64`
  throw new ApiError('request_invalid', detail, { detail })
}

/**
 * The plain text, or an empty one. A wrong padding takes the same path as a wrong text: whoever sends altered data must
 * not learn which of the two it was.
 */
function decrypt(cipher: { text: Buffer; iv: Buffer }, key: Buffer): string {
  const decipher = createDecipheriv('aes-128-cbc', key, cipher.iv).setAutoPadding(false)
  const padded = Buffer.concat([decipher.update(cipher.text), decipher.final()])
  const length = padded.at(-1) ?? 0
  // With a length of 0 that is the whole text, and where all of it is zeros, nothing is left.
  const isPadded = length <= BLOCK_BYTES && padded.subarray(-length).every((byte) => byte === length)
  return isPadded ? padded.subarray(0, -length).toString('utf8') : ''
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return isObject(value) ? value : null
  } catch {
    return null
  }
}

function isAbout({ openId }: Record<string, unknown>, openid: string): boolean {
  return openId === undefined || (typeof openId === 'string' && isSame(openId, openid))
}

/** The watermark says for which mini-program WeChat encrypted the data, and when, in seconds. */
function isMarked({ watermark }: Record<string, unknown>, { appid, nowMs }: OpenDataContext): boolean {
  if (!isObject(watermark) || typeof watermark.appid !== 'string' || typeof watermark.timestamp !== 'number')
    return false
  const ageMs = nowMs - watermark.timestamp * 1000
  return isSame(watermark.appid, appid) && ageMs <= MAX_AGE_MS && ageMs >= -MAX_AHEAD_MS
}

/** Compares two texts in a time that does not depend on where they differ. */
function isSame(a: string, b: string): boolean {
  return timingSafeEqual(hash('sha256', a, 'buffer'), hash('sha256', b, 'buffer'))
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
