import { createCipheriv, randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { isSignedQuery, type PushQuery, readMessage } from '../../src/push/messages.ts'
import { checkPushApps } from '../../src/push/push-options.ts'
import { SECRETS, sign } from './written-push.ts'

const APPID = 'wx1'
const NOW_MS = 1_700_000_000_000
const FIELDS = '{"Event":"x"}'

/** What WeChat puts before the message: 16 random bytes and a length. */
function head(length: number): Buffer {
  const bytes = Buffer.alloc(20)
  randomBytes(16).copy(bytes)
  bytes.writeUInt32BE(length, 16)
  return bytes
}

function whole(text: string, appid = APPID): Buffer {
  return Buffer.concat([head(Buffer.byteLength(text)), Buffer.from(text), Buffer.from(appid)])
}

/** Fills up to blocks of 32 bytes, as WeChat does. */
function fill(content: Buffer): Buffer {
  const filling = 32 - (content.length % 32)
  return Buffer.concat([content, Buffer.alloc(filling, filling)])
}

function encrypt(padded: Buffer): string {
  const key = Buffer.from(`${SECRETS.aesKey}=`, 'base64')
  const cipher = createCipheriv('aes-256-cbc', key, key.subarray(0, 16)).setAutoPadding(false)
  return Buffer.concat([cipher.update(padded), cipher.final()]).toString('base64')
}

function read(encrypted: string, { atMs = NOW_MS, query = {} }: { atMs?: number; query?: PushQuery } = {}) {
  const [timestamp, nonce] = [String(atMs / 1000), '7']
  const signed = { timestamp, nonce, msg_signature: sign(SECRETS.token, timestamp, nonce, encrypted), ...query }
  const body = JSON.stringify({ Encrypt: encrypted })
  return readMessage({ appid: APPID, secrets: SECRETS, query: signed, body, nowMs: NOW_MS })
}

const refusal = (detail: RegExp) =>
  expect.objectContaining({ code: 'request_invalid', detail: expect.stringMatching(detail) })

/** 63 bytes: a filling of 33 bytes would make them whole blocks of AES. */
const odd = whole('{"Event":"x"}'.padEnd(63 - 20 - APPID.length))

describe('an encrypted message', () => {
  it('an encrypted message of any length is read, whatever it was filled up with', () => {
    for (let length = 0; length < 40; length++) {
      const text = JSON.stringify({ Event: 'x'.repeat(length) })
      expect(read(encrypt(fill(whole(text))))).toMatchObject({ text, isProven: true })
    }
  })

  it.each<[string, Buffer, RegExp]>([
    ['no filling', Buffer.concat([whole(FIELDS), Buffer.alloc(32 - (whole(FIELDS).length % 32))]), /EncodingAESKey/],
    ['a filling of more than a block', Buffer.concat([odd, Buffer.alloc(33, 33)]), /EncodingAESKey/],
    ['nothing but filling', Buffer.alloc(32, 32), /EncodingAESKey/],
    ['no place for a length', Buffer.alloc(16, 1), /EncodingAESKey/],
    ['a length behind its end', fill(Buffer.concat([head(0xffff_ffff), Buffer.from(FIELDS)])), /EncodingAESKey/],
    ['a length that leaves no appid', fill(Buffer.concat([head(FIELDS.length), Buffer.from(FIELDS)])), /mini-program/],
    ['an appid with more in front of it', fill(whole(FIELDS, `x${APPID}`)), /for another mini-program/],
    ['an appid with more behind it', fill(whole(FIELDS, `${APPID}x`)), /for another mini-program/],
    ['fields of another mini-program', fill(whole('{"AppID":"wx2"}')), /about another mini-program/],
    ['a text that cannot be read', fill(whole('x')), /neither JSON nor XML/],
  ])('an encrypted message with %s is refused', (_, padded, detail) => {
    expect(() => read(encrypt(padded))).toThrow(refusal(detail))
  })

  it('an encrypted message that is not made of whole blocks is refused', () => {
    expect(() => read(Buffer.alloc(17).toString('base64'))).toThrow(refusal(/not as long/))
  })

  it.each([
    [300, true],
    [301, false],
    [-300, true],
    [-301, false],
  ])('an encrypted message that is %i s old is taken: %s', (ageSeconds, isTaken) => {
    const message = encrypt(fill(whole(FIELDS)))
    const take = () => read(message, { atMs: NOW_MS - ageSeconds * 1000 })
    if (isTaken) expect(take()).toMatchObject({ text: FIELDS })
    else expect(take).toThrow(refusal(/five minutes/))
  })
})

describe('a signature', () => {
  const [timestamp, nonce] = ['1', '2']
  const signature = sign(SECRETS.token, timestamp, nonce)

  it('a signature counts in small and in capital letters', () => {
    expect(isSignedQuery({ timestamp, nonce, signature }, SECRETS)).toBe(true)
    expect(isSignedQuery({ timestamp, nonce, signature: signature.toUpperCase() }, SECRETS)).toBe(true)
  })

  it.each<[string, PushQuery]>([
    ['missing', { timestamp, nonce }],
    ['empty', { timestamp, nonce, signature: '' }],
    ['cut short', { timestamp, nonce, signature: signature.slice(1) }],
    ['of another token', { timestamp, nonce, signature: sign('another', timestamp, nonce) }],
    ['of fewer parts', { nonce, signature: sign(SECRETS.token, nonce) }],
  ])('a signature that is %s does not count', (_, query) => {
    expect(isSignedQuery(query, SECRETS)).toBe(false)
  })
})

describe('the secrets of a push', () => {
  const check = (secrets: Partial<typeof SECRETS>) => checkPushApps({ [APPID]: { ...SECRETS, ...secrets } }, () => true)

  it.each(['abc', 'A'.repeat(32)])('the token %s can be one', (token) => expect(() => check({ token })).not.toThrow())

  it.each(['ab', 'A'.repeat(33), '-abc', 'abc '])('the token %j ends the start', (token) => {
    expect(() => check({ token })).toThrow('must be 3 to 32 letters and digits')
  })

  it.each([42, 44])('an aesKey of %i characters ends the start', (length) => {
    expect(() => check({ aesKey: 'a'.repeat(length) })).toThrow('43 letters and digits')
  })

  it('an appid that cannot be one ends the start, although the host says that it has it', () => {
    expect(() => checkPushApps({ 'wx 1': SECRETS }, () => true)).toThrow('is not one of the option apps')
  })
})
