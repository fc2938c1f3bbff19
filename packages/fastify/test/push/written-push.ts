import { createCipheriv, hash, randomBytes } from 'node:crypto'

/** As it is entered in WeChat's console. */
export const SECRETS = { token: 'PushToken2026', aesKey: 'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG' }

/** How a push is written; a field that is given is written wrongly. */
export interface Writing {
  appid: string
  /** Default JSON of the fields. */
  text?: string
  fields?: Record<string, unknown>
  format?: 'json' | 'xml'
  /** Since it was sent; negative: it says a time ahead. */
  ageMs?: number
  token?: string
  aesKey?: string
  /** The appid inside the encryption. */
  inside?: string
  /** Replaces the encrypted text after it was signed. */
  swap?: string
  plain?: boolean
}

/** A request as WeChat's page describes it, for `inject`. */
export function writePush({ appid, fields = {}, format = 'json', ageMs = 0, ...o }: Writing) {
  const { token = SECRETS.token, aesKey = SECRETS.aesKey, inside = appid, plain = false } = o
  const text = o.text ?? write(fields, format)
  const [timestamp, nonce] = [String(Math.floor((Date.now() - ageMs) / 1000)), String(randomBytes(4).readUInt32BE())]
  const encrypted = encrypt(text, aesKey, inside)
  const query = {
    signature: sign(token, timestamp, nonce),
    timestamp,
    nonce,
    ...(!plain && { encrypt_type: 'aes', msg_signature: sign(token, timestamp, nonce, encrypted) }),
  }
  const envelope = write({ ToUserName: 'gh_0123456789ab', Encrypt: o.swap ?? encrypted }, format)
  return {
    method: 'POST' as const,
    url: `/wechat/push/${appid}`,
    query,
    headers: { 'content-type': format === 'json' ? 'application/json' : 'text/xml' },
    payload: plain ? text : envelope,
  }
}

export function sign(...parts: string[]): string {
  return hash('sha1', parts.sort().join(''))
}

function encrypt(text: string, aesKey: string, appid: string): string {
  const key = Buffer.from(`${aesKey}=`, 'base64')
  const message = Buffer.from(text)
  const length = Buffer.alloc(4)
  length.writeUInt32BE(message.length)
  const content = Buffer.concat([randomBytes(16), length, message, Buffer.from(appid)])
  const filling = 32 - (content.length % 32)
  const cipher = createCipheriv('aes-256-cbc', key, key.subarray(0, 16)).setAutoPadding(false)
  const padded = Buffer.concat([content, Buffer.alloc(filling, filling)])
  return Buffer.concat([cipher.update(padded), cipher.final()]).toString('base64')
}

function write(fields: Record<string, unknown>, format: 'json' | 'xml'): string {
  if (format === 'json') return JSON.stringify(fields)
  const elements = Object.entries(fields).map(([name, value]) =>
    typeof value === 'number' ? `<${name}>${value}</${name}>` : `<${name}><![CDATA[${value}]]></${name}>`,
  )
  return `<xml>${elements.join('\n')}</xml>`
}
