import type { Check, Step } from '../scenario.ts'

/** Longer than an unused session lives. */
export const TWO_HOURS = 2 * 3_600_000 + 1000
export const A = { phone: 'A' } as const
export const B = { phone: 'B' } as const

/** The first step of most stories. */
export const OPEN: Step = {
  say: {
    zh: '第一次打开：wx.login 给一个 code，服务器拿它向微信换身份，手机得到一个 token。',
    en: 'The first start: wx.login gives a code, the server exchanges it at WeChat, the phone gets a token.',
  },
  actions: [{ do: 'open', ...A }],
}

/** So many calls of wx.login. */
export const logins = (is: number): Check => ({ count: 'wx.login', is })
/** Phone A shows the list that only signed-in users get. */
export const products: Check = { ...A, shows: '#products' }
