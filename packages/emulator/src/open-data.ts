import { createCipheriv, hash, randomBytes } from 'node:crypto'

/** Data that only the holder of the session_key can read. */
export interface EncryptedData {
  /** Base64. */
  encryptedData: string
  /** Base64. */
  iv: string
}

/** What `wx.getUserInfo` and `wx.getUserProfile` hand out. */
export interface UserInfo extends EncryptedData {
  userInfo: object
  /** `userInfo` as it was signed. */
  rawData: string
  /** SHA-1 of rawData and the session key, in hex. */
  signature: string
}

/**
 * What WeChat says of everybody.
 *
 * @see https://developers.weixin.qq.com/miniprogram/dev/api/open-api/user-info/UserInfo.html
 */
export const ANONYMOUS = {
  nickName: '微信用户',
  gender: 0,
  language: '',
  city: '',
  province: '',
  country: '',
  avatarUrl: 'https://thirdwx.qlogo.cn/mmopen/vi_32/anonymous/132',
} as const

/** @see https://developers.weixin.qq.com/miniprogram/dev/framework/open-ability/signature.html */
export function signOpenData(data: object, sessionKey: string): { rawData: string; signature: string } {
  const rawData = JSON.stringify(data)
  return { rawData, signature: hash('sha1', rawData + sessionKey) }
}

/** AES-128-CBC, PKCS#7; same page. */
export function encryptOpenData(data: object, sessionKey: string): EncryptedData {
  const iv = randomBytes(16)
  const cipher = createCipheriv('aes-128-cbc', Buffer.from(sessionKey, 'base64'), iv)
  const encrypted = Buffer.concat([cipher.update(JSON.stringify(data), 'utf8'), cipher.final()])
  return { encryptedData: encrypted.toString('base64'), iv: iv.toString('base64') }
}
