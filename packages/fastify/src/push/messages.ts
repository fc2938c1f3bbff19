import { createDecipheriv, hash, timingSafeEqual } from 'node:crypto'
import { ApiError } from '../api-error.ts'
import { type Fields, parseFields } from './fields.ts'
import type { PushSecrets } from './push-options.ts'

/** What stands in the query of a push. */
export interface PushQuery {
  /** SHA-1 of token, timestamp and nonce. */
  signature?: string
  /** SHA-1 of those three and the encrypted text. */
  msg_signature?: string
  /** Seconds since 1970. */
  timestamp?: string
  nonce?: string
}

/** A message that WeChat, or somebody who pretends to be WeChat, has sent. */
export interface PushedMessage {
  /** The message without its encryption. It is the same in each attempt of WeChat to deliver it. */
  text: string
  fields: Fields
  /** Whether it is proved that WeChat wrote it, a moment ago and for this mini-program. In plain mode nothing proves it. */
  isProven: boolean
}

const MAX_AGE_MS = 5 * 60_000

/** Whether WeChat signed the query. That says nothing about a body. */
export function isSignedQuery({ signature, timestamp, nonce }: PushQuery, { token }: PushSecrets): boolean {
  return isDigest(signature, [token, timestamp, nonce])
}

/**
 * Reads a push.
 *
 * @throws ApiError `request_invalid` for one that is forged, old, for another mini-program, or cannot be read
 * @see https://developers.weixin.qq.com/miniprogram/dev/framework/server-ability/message-push.html
 */
export function readMessage(o: {
  appid: string
  secrets: PushSecrets
  query: PushQuery
  body: string
  nowMs: number
}): PushedMessage {
  const { appid, secrets, query, body, nowMs } = o
  const envelope = parseFields(body)
  if (!envelope) throw refused('the body is neither JSON nor XML')
  if (query.msg_signature === undefined) {
    if (!isSignedQuery(query, secrets)) throw refused('the signature is not one of this token')
    return { text: body, fields: envelope, isProven: false }
  }
  const encrypted = envelope.get('Encrypt')
  // Checked before anything is decrypted, so that no answer tells what is inside.
  if (!isDigest(query.msg_signature, [secrets.token, query.timestamp, query.nonce, encrypted])) {
    throw refused('the msg_signature is not one of this token and body')
  }
  // The msg_signature covers the timestamp too.
  if (!(Math.abs(nowMs - Number(query.timestamp) * 1000) <= MAX_AGE_MS)) {
    throw refused('the timestamp is more than five minutes away')
  }
  const text = decrypt(encrypted as string, appid, secrets)
  const fields = parseFields(text)
  if (!fields) throw refused('the message is neither JSON nor XML')
  if ((fields.get('AppID') ?? appid) !== appid) throw refused('the message is about another mini-program')
  return { text, fields, isProven: true }
}

function isDigest(given: string | undefined, parts: (string | undefined)[]): boolean {
  if (given === undefined || !parts.every((part) => part !== undefined)) return false
  const expected = Buffer.from(hash('sha1', parts.toSorted().join('')))
  const found = Buffer.from(given.toLowerCase())
  return found.length === expected.length && timingSafeEqual(found, expected)
}

/** AES-256-CBC over 16 random bytes, a length of four bytes, the message and the appid, filled up to blocks of 32 bytes. */
function decrypt(encrypted: string, appid: string, { aesKey }: PushSecrets): string {
  const key = Buffer.from(`${aesKey}=`, 'base64')
  const decipher = createDecipheriv('aes-256-cbc', key, key.subarray(0, 16)).setAutoPadding(false)
  let padded: Buffer
  try {
    padded = Buffer.concat([decipher.update(encrypted, 'base64'), decipher.final()])
  } catch {
    throw refused('Encrypt is not as long as it should be')
  }
  const filling = padded.at(-1) ?? 0
  const end = padded.length - filling
  if (filling < 1 || filling > 32 || end < 20) throw refused('the message was not encrypted with this EncodingAESKey')
  const length = padded.readUInt32BE(16)
  if (20 + length > end) throw refused('the message was not encrypted with this EncodingAESKey')
  if (padded.subarray(20 + length, end).toString() !== appid) throw refused('the message is for another mini-program')
  return padded.subarray(20, 20 + length).toString()
}

function refused(detail: string): ApiError {
  return new ApiError('request_invalid', `a push of WeChat was refused: ${detail}`, { detail })
}
