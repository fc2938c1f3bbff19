/** Who WeChat says is behind a code. All of it stays on the server. */
export interface WechatIdentity {
  openid: string
  /** Null until the mini-program is bound to an Open Platform account. */
  unionid: string | null
  /** WeChat's `session_key`: base64 of 16 bytes. */
  sessionKey: string
}
