/** What the options of `weappAuth` are when they are not given. */
export const DEFAULTS = {
  wechatApiBaseUrl: 'https://api.weixin.qq.com',
  sessionIdleSeconds: 7_200,
  sessionAbsoluteSeconds: 2_592_000,
  sessionLimit: 20,
} as const

/** How an appid looks; WeChat's own have 18 characters, `wx` and 16 hex digits. */
export const APPID_PATTERN: RegExp = /^[\w-]{1,64}$/
