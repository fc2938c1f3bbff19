import { createCipheriv, hash, randomBytes } from 'node:crypto'

/** Where WeChat pushes a mini-program's messages to: what is entered under 开发设置 › 消息推送. */
export interface PushTarget {
  url: string
  /** 3 to 32 letters and digits. */
  token: string
  /** EncodingAESKey: 43 characters of base64. */
  aesKey: string
  /** Default `json`. */
  format?: 'json' | 'xml'
  /** 安全模式. Default true; false is 明文模式, in which the signature does not cover the body. */
  encrypted?: boolean
}

/** The fields of a pushed message, in WeChat's names. */
export type PushMessage = Record<string, string | number>

/** One push as it goes over the wire. */
export interface PushRequest {
  url: string
  contentType: string
  body: string
}

/** @throws TypeError for a target that WeChat's console would refuse */
export function checkPushTarget({ url, token, aesKey, format = 'json' }: PushTarget): void {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) throw new TypeError('url must be an http address')
  if (!isText(token, /^[A-Za-z0-9]{3,32}$/)) throw new TypeError('token must be 3 to 32 letters and digits')
  if (!isText(aesKey, /^[A-Za-z0-9]{43}$/))
    throw new TypeError('aesKey must be 43 letters and digits, the EncodingAESKey')
  if (format !== 'json' && format !== 'xml') throw new TypeError('format must be "json" or "xml"')
}

function isText(value: unknown, form: RegExp): boolean {
  return typeof value === 'string' && form.test(value)
}

export interface PushOptions {
  target: PushTarget
  appid: string
  /** Of the user whom the message is about. */
  openid: string
  message: PushMessage
  timestamp: number
}

/**
 * Writes a push as WeChat does, signed and, in 安全模式, encrypted.
 *
 * @see https://developers.weixin.qq.com/miniprogram/dev/framework/server-ability/message-push.html
 */
export function writePush({ target, appid, openid, message, timestamp }: PushOptions): PushRequest {
  const { url, token, aesKey, format = 'json', encrypted = true } = target
  const nonce = String(randomBytes(4).readUInt32BE())
  const write = format === 'json' ? JSON.stringify : toXml
  const address = new URL(url)
  const query = { signature: sign(token, String(timestamp), nonce), timestamp: String(timestamp), nonce, openid }
  for (const [name, value] of Object.entries(query)) address.searchParams.set(name, value)

  let body = write(message)
  if (encrypted) {
    const secret = encrypt(body, aesKey, appid)
    address.searchParams.set('encrypt_type', 'aes')
    address.searchParams.set('msg_signature', sign(token, String(timestamp), nonce, secret))
    body = write({ ToUserName: String(message.ToUserName), Encrypt: secret })
  }
  return { url: address.href, contentType: format === 'json' ? 'application/json' : 'text/xml', body }
}

/** The address of the GET that asks a server whether it is the one: it answers `echostr`. */
export function writeChallenge({ url, token }: PushTarget, timestamp: number): { url: string; echostr: string } {
  const nonce = String(randomBytes(4).readUInt32BE())
  const echostr = String(randomBytes(8).readBigUInt64BE())
  const address = new URL(url)
  const query = { signature: sign(token, String(timestamp), nonce), timestamp: String(timestamp), nonce, echostr }
  for (const [name, value] of Object.entries(query)) address.searchParams.set(name, value)
  return { url: address.href, echostr }
}

function sign(...parts: string[]): string {
  return hash('sha1', parts.sort().join(''))
}

/** AES-256-CBC over 16 random bytes, the length, the message and the appid, filled up to blocks of 32 bytes. */
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

function toXml(message: PushMessage): string {
  const fields = Object.entries(message).map(([name, value]) =>
    typeof value === 'number' ? `<${name}>${value}</${name}>` : `<${name}><![CDATA[${value}]]></${name}>`,
  )
  return `<xml>${fields.join('')}</xml>`
}
