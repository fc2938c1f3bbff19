import type { Language } from './language.ts'

/** What the demonstration prints, see `trace.ts`. Names of calls, routes and codes are the same in every language. */
export interface DemoTexts {
  emulated(appids: string): string
  serving(address: string): string
  failed: string
  wechat: string
  phone(name: string): string
  opens: string
  taps(selector: string): string
  pullsDown: string
  timePasses(duration: string, where: string): string
  serverSide: string
  minutes(n: number): string
  hours(n: number): string
  code(alias: string): string
  token(alias: string): string
  sessionKeyLives: string
  sessionKeyDies(user: string): string
  faultSet(point: string, fault: string): string
  appError: string
  /** `twice`: how many codes were sent to WeChat more than once. */
  summary(o: { logins: number; exchanges: number; twice: number }): string
}

const en: DemoTexts = {
  emulated: (appids) => `WeChat is emulated by this process: anybody can sign in as anybody (${appids})`,
  serving: (address) => `serving on ${address}`,
  failed: 'the example mini-program could not sign in as it should: see the last step above',
  wechat: 'WeChat',
  phone: (name) => `phone ${name}`,
  opens: 'opens the mini-program',
  taps: (selector) => `taps ${selector}`,
  pullsDown: 'pulls the page down to refresh it',
  timePasses: (duration, where) => `${duration} pass on ${where}`,
  serverSide: 'the server side',
  minutes: (n) => `${n} minutes`,
  hours: (n) => `${n} hours`,
  code: (alias) => `code ${alias}`,
  token: (alias) => `token ${alias}`,
  sessionKeyLives: 'the session_key is valid',
  sessionKeyDies: (user) => `WeChat lets the session_key of ${user} expire`,
  faultSet: (point, fault) => `switches a fault on: ${point} ${fault}`,
  appError: 'an error in the app',
  summary: ({ logins, exchanges, twice }) =>
    `${logins} × wx.login, ${exchanges} × jscode2session, ${twice} codes sent twice`,
}

const zh: DemoTexts = {
  emulated: (appids) => `本进程正在模拟微信：任何人都能以任何身份登录（${appids}），仅供试用`,
  serving: (address) => `服务已启动，请在浏览器中打开 ${address}`,
  failed: '示例小程序没能按预期登录，请看上面的最后一步',
  wechat: '微信',
  phone: (name) => `手机 ${name}`,
  opens: '打开小程序',
  taps: (selector) => `点击 ${selector}`,
  pullsDown: '下拉刷新页面',
  timePasses: (duration, where) => `时间过去 ${duration}（${where}）`,
  serverSide: '服务端',
  minutes: (n) => `${n} 分钟`,
  hours: (n) => `${n} 小时`,
  code: (alias) => `code ${alias}`,
  token: (alias) => `token ${alias}`,
  sessionKeyLives: 'session_key 有效',
  sessionKeyDies: (user) => `${user} 的 session_key 在微信侧失效`,
  faultSet: (point, fault) => `打开故障：${point} ${fault}`,
  appError: '小程序出错',
  summary: ({ logins, exchanges, twice }) =>
    `wx.login ${logins} 次，jscode2session ${exchanges} 次，重复发送的 code ${twice} 个`,
}

export const DEMO_TEXTS: Record<Language, DemoTexts> = { en, zh }
