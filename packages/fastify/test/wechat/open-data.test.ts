import { createCipheriv, hash, randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { decryptOpenData, isSignedOpenData } from '../../src/wechat/open-data.ts'

/** The example of the official page "开放数据校验与解密". */
const OFFICIAL = {
  appid: 'wx4f4bc4dec97d474b',
  openid: 'oGZUI0egBJY1zhBYw2KhdUfwVJJE',
  sessionKey: 'tiihtNczf5v6AKRyjwEUhQ==',
  encryptedAtMs: 1_477_314_187_000,
  iv: 'r7BXXKkLb8qrSNn05n0qiA==',
  encryptedData:
    'CiyLU1Aw2KjvrjMdj8YKliAjtP4gsMZMQmRzooG2xrDcvSnxIMXFufNstNGTyaGS9uT5geRa0W4oTOb1WT7fJlAC+oNPdbB+3hVbJSRgv+4l' +
    'GOETKUQz6OYStslQ142dNCuabNPGBzlooOmB231qMM85d2/fV6ChevvXvQP8Hkue1poOFtnEtpyxVLW1zAo6/1Xx1COxFvrc2d7UL/lmHInN' +
    'lxuacJXwu0fjpXfz/YqYzBIBzD6WUfTIF9GRHpOn/Hz7saL8xz+W//FRAUid1OksQaQx4CMs8LOddcQhULW4ucetDf96JcR3g0gfRK4PC7E/' +
    'r7Z6xNrXd2UIeorGj5Ef7b1pJAYB6Y5anaHqZ9J6nKEBvB4DnNLIVWSgARns/8wR2SiRS7MNACwTyrGvt9ts8p12PKFdlqYTopNHR1Vf7Xjf' +
    'hQlVsAJdNiKdYmYVoKlaRv85IfVunYzO0IKXsyl7JCUjCpoG20f0a04COwfneQAGGwd5oa+T8yO5hzuyDb/XcxxmK01EpqOyuxINew==',
}

const APPID = 'wx1'
const OPENID = 'o1'
const NOW_MS = 1_700_000_000_000
const KEYS = { openid: OPENID, sessionKeys: [newKey()] }
const WATERMARK = { appid: APPID, timestamp: NOW_MS / 1000 }

function newKey(): string {
  return randomBytes(16).toString('base64')
}

/** As WeChat encrypts; `padding` and `text` may be what it never sends. */
function encrypt(text: string, key = KEYS.sessionKeys[0] ?? '', padding?: Buffer) {
  const iv = randomBytes(16)
  const cipher = createCipheriv('aes-128-cbc', Buffer.from(key, 'base64'), iv).setAutoPadding(padding === undefined)
  const encrypted = Buffer.concat([cipher.update(text), cipher.update(padding ?? Buffer.alloc(0)), cipher.final()])
  return { encryptedData: encrypted.toString('base64'), iv: iv.toString('base64') }
}

const open = (data: { encryptedData: string; iv: string }, keys = KEYS, nowMs = NOW_MS) =>
  decryptOpenData(data, keys, { appid: APPID, nowMs })

const openJson = (value: unknown) => open(encrypt(JSON.stringify(value)))

describe('encrypted open data', () => {
  it('the encrypted data of the official example opens, without its identifiers and its watermark', () => {
    const { appid, openid, sessionKey, encryptedAtMs: nowMs } = OFFICIAL
    expect(decryptOpenData(OFFICIAL, { openid, sessionKeys: [sessionKey] }, { appid, nowMs })).toEqual({
      nickName: 'Band',
      gender: 1,
      language: 'zh_CN',
      city: 'Guangzhou',
      province: 'Guangdong',
      country: 'CN',
      avatarUrl: expect.stringMatching(/^http:\/\/wx\.qlogo\.cn\//),
    })
  })

  it('encrypted data opens with the current and the previous session_key, and not with the key of another user', () => {
    const [previous, other] = [newKey(), newKey()]
    const data = encrypt(JSON.stringify({ openId: OPENID, steps: 5, watermark: WATERMARK }), previous)
    expect(open(data, { openid: OPENID, sessionKeys: [newKey(), previous] })).toEqual({ steps: 5 })
    expect(open(data, { openid: OPENID, sessionKeys: [newKey(), other] })).toBeNull()
    expect(open(data, { openid: OPENID, sessionKeys: [] })).toBeNull()
  })

  it('encrypted data without an openId belongs to the user of the key', () => {
    expect(openJson({ phoneNumber: '+8613800000000', watermark: WATERMARK })).toEqual({ phoneNumber: '+8613800000000' })
  })

  it('encrypted data of any length opens, also where the padding is a whole block', () => {
    for (let length = 0; length < 32; length++) {
      const steps = '1'.repeat(length)
      expect(openJson({ steps, watermark: WATERMARK })).toEqual({ steps })
    }
  })

  it.each([
    ['another user', { openId: 'o2', watermark: WATERMARK }],
    ['an openId that is no text', { openId: [OPENID], watermark: WATERMARK }],
    ['another mini-program', { openId: OPENID, watermark: { ...WATERMARK, appid: 'wx2' } }],
    ['an appid that is no text', { openId: OPENID, watermark: { ...WATERMARK, appid: [APPID] } }],
    ['a watermark without a time', { openId: OPENID, watermark: { appid: APPID } }],
    ['a time that is text', { openId: OPENID, watermark: { appid: APPID, timestamp: `${NOW_MS / 1000}` } }],
    ['no watermark', { openId: OPENID }],
    ['a watermark that is null', { openId: OPENID, watermark: null }],
    ['a list', [{ openId: OPENID, watermark: WATERMARK }]],
    ['null', null],
    ['a text', 'openId'],
  ])('encrypted data with %s in it is refused', (_, value) => {
    expect(openJson(value)).toBeNull()
  })

  it.each([
    ['an hour old', 3_600, true],
    ['older than an hour', 3_601, false],
    ['five minutes ahead', -300, true],
    ['further ahead', -301, false],
  ])('encrypted data that is %s (%s s) opens: %s', (_, ageSeconds, opens) => {
    const watermark = { appid: APPID, timestamp: NOW_MS / 1000 - ageSeconds }
    expect(openJson({ openId: OPENID, watermark }) !== null).toBe(opens)
  })

  it.each<[string, (text: string) => string]>([
    ['nothing', () => ''],
    ['four characters less', (text) => text.slice(4)],
    ['four characters more', (text) => `AAAA${text}`],
  ])('encrypted data, or an iv, with %s is not opened', (_, change) => {
    const { encryptedData, iv } = encrypt(JSON.stringify({ openId: OPENID, watermark: WATERMARK }))
    expect(open({ encryptedData, iv })).not.toBeNull()
    expect(open({ encryptedData, iv: change(iv) })).toBeNull()
    expect(open({ encryptedData: change(encryptedData), iv })).toBeNull()
  })

  it.each<[string, (text: string) => string]>([
    ['a space in it', (text) => `${text.slice(0, 4)} ${text.slice(4)}`],
    ['a line feed after it', (text) => `${text}\n`],
    ['a character that is none of base64', (text) => `${text.slice(0, 4)}-${text.slice(4)}`],
    ['no padding', (text) => text.replace(/=+$/, '').slice(0, 23)],
  ])('encrypted data, or an iv, with %s is not base64, which is a mistake of the caller', (_, change) => {
    const { encryptedData, iv } = encrypt(JSON.stringify({ openId: OPENID, watermark: WATERMARK }))
    const invalid = (detail: string) => expect.objectContaining({ code: 'request_invalid', detail })
    expect(() => open({ encryptedData, iv: change(iv) })).toThrow(invalid('iv must be base64'))
    expect(() => open({ encryptedData: change(encryptedData), iv })).toThrow(invalid('encryptedData must be base64'))
  })

  it('encrypted data whose padding is not PKCS#7 is not opened, although its text would be right', () => {
    const text = JSON.stringify({ openId: OPENID, watermark: WATERMARK })
    const missing = 16 - (Buffer.byteLength(text) % 16)
    const key = KEYS.sessionKeys[0]
    expect(open(encrypt(text, key, Buffer.alloc(missing, missing)))).toEqual({})
    const wrong = Buffer.alloc(missing, missing)
    wrong[0] = missing + 1
    const aligned = text + ' '.repeat(missing)
    for (const [json, padding] of [
      [text, wrong],
      [aligned, Buffer.alloc(16, 0)],
      [aligned, Buffer.alloc(32, 32)],
    ] as const) {
      expect(open(encrypt(json, key, padding))).toBeNull()
    }
  })

  it('encrypted data with a field called __proto__ comes out with that field as data', () => {
    const data = open(encrypt(`{"__proto__":{"admin":true},"watermark":${JSON.stringify(WATERMARK)}}`))
    expect(Object.getPrototypeOf(data)).toBe(Object.prototype)
    expect((data as { admin?: boolean }).admin).toBeUndefined()
  })
})

describe('signed open data', () => {
  /** The example of the official page, as WeChat signed it. */
  const rawData =
    '{"nickName":"Band","gender":1,"language":"zh_CN","city":"Guangzhou","province":"Guangdong","country":"CN",' +
    '"avatarUrl":"http://wx.qlogo.cn/mmopen/vi_32/1vZvI39NWFQ9XM4LtQpFrQJ1xlgZxx3w7bQxKARol6503Iuswjjn6nIGBiaycAjAtpujxyzYsrztuuICqIM5ibXQ/0"}'
  const sessionKey = 'HyVFkGl5F5OQWJZZaNzBBg=='
  const signature = '75e81ceda165f4ffa64f4068af58c64b8f54b88c'

  it('the signature of the official example is valid', () => {
    expect(isSignedOpenData({ rawData, signature }, { openid: OPENID, sessionKeys: [sessionKey] })).toBe(true)
    expect(isSignedOpenData({ rawData, signature }, { openid: OPENID, sessionKeys: [newKey(), sessionKey] })).toBe(true)
  })

  it.each([
    ['one letter changed', { rawData: rawData.replace('Band', 'band'), signature }],
    ['the same JSON written differently', { rawData: JSON.stringify(JSON.parse(rawData), null, 1), signature }],
    ['half a signature', { rawData, signature: signature.slice(0, 20) }],
    ['no signature', { rawData, signature: '' }],
    ['a signature of its own making', { rawData, signature: hash('sha1', rawData) }],
  ])('signed data with %s is not valid', (_, data) => {
    expect(isSignedOpenData(data, { openid: OPENID, sessionKeys: [sessionKey] })).toBe(false)
  })

  it('signed data is not valid without a session_key', () => {
    expect(isSignedOpenData({ rawData, signature: hash('sha1', rawData) }, { openid: '', sessionKeys: [] })).toBe(false)
  })
})
