/** Who WeChat says is behind a code. All of it stays on the server. */
export interface WechatIdentity {
  openid: string
  /** Null until the mini-program is bound to an Open Platform account. */
  unionid: string | null
  /** WeChat's `session_key`: base64 of 16 bytes. */
  sessionKey: string
}

/** What opens the data that WeChat encrypted for a user. */
export interface WechatKeys {
  openid: string
  /** The current session_key and, where there is one, the one before it: data may have been encrypted with either. */
  sessionKeys: readonly string[]
}
