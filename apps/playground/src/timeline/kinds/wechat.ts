import type { Kind } from './kind.ts'
import { PAGES, SOURCES } from './places.ts'

/** What phone and service ask WeChat. */
export const WECHAT_KINDS = {
  'wx.login.call': {
    name: { zh: '向微信要一个 code', en: 'A code is asked for' },
    why: {
      zh: 'wx.login 在手机上向微信要一个临时凭证。它有调用额度，所以同一时间只调用一次。',
      en: 'wx.login asks WeChat, on the phone, for a temporary credential. Calls are rationed, so there is one at a time.',
    },
    source: SOURCES.login,
    wechat: PAGES.login,
  },
  'wx.login.ok': {
    name: { zh: '微信给了 code', en: 'WeChat gives a code' },
    why: {
      zh: 'code 只能用一次，五分钟内有效。手机自己不知道用户是谁：code 要由你的服务器去换。',
      en: 'The code can be used once, within five minutes. The phone does not learn who the user is: your server exchanges the code.',
    },
    source: SOURCES.login,
    wechat: PAGES.login,
  },
  'wx.login.fail': {
    name: { zh: 'wx.login 失败', en: 'wx.login fails' },
    why: {
      zh: '微信没有给 code：断网、超时或者繁忙。SDK 有时间上限，等它的请求都会得到错误，不会一直卡住。',
      en: 'WeChat gave no code: offline, too slow or busy. The SDK has a deadline, so whatever waits gets an error instead of hanging.',
    },
    source: SOURCES.login,
    wechat: PAGES.login,
  },
  'wx.checkSession.call': {
    name: { zh: '微信的 session_key 还在吗？', en: 'Does WeChat’s session_key live?' },
    why: {
      zh: 'wx.checkSession 问的是微信的 session_key，不是你的登录状态。每次启动问一次就够了。',
      en: 'wx.checkSession asks about WeChat’s session_key, not about your sign-in. Once per start is enough.',
    },
    source: SOURCES.check,
    wechat: PAGES.checkSession,
  },
  'wx.checkSession.ok': {
    name: { zh: 'session_key 还在', en: 'The session_key lives' },
    why: {
      zh: '微信的密钥还有效，解密会成功。你的 token 是否有效，只有你的服务器知道。',
      en: 'WeChat’s key is good, so decryption works. Whether your token is good, only your server knows.',
    },
    source: SOURCES.check,
    wechat: PAGES.checkSession,
  },
  'wx.checkSession.fail': {
    name: { zh: 'session_key 失效了', en: 'The session_key has died' },
    why: {
      zh: '微信换了密钥，服务器手里的那个解不开数据了。所以静默登录一次，旧会话在此期间照常使用。',
      en: 'WeChat has another key, and the one on the server opens nothing. One silent login follows; the old session serves meanwhile.',
    },
    source: SOURCES.check,
    wechat: PAGES.checkSession,
  },
  'phone-code.call': {
    name: { zh: '请用户给出手机号', en: 'The number is asked for' },
    why: {
      zh: '只有用户点了 getPhoneNumber 按钮，微信才会问他愿不愿意。小程序自己问不到手机号。',
      en: 'WeChat asks the user, and only after a tap on a getPhoneNumber button. The mini-program cannot ask by itself.',
    },
    wechat: PAGES.phoneNumber,
  },
  'phone-code.ok': {
    name: { zh: '手机号的 code', en: 'A code for the number' },
    why: {
      zh: '手机拿到的还不是号码，而是又一个 code：只能用一次，和 wx.login 的 code 不能互换。号码由服务器去换。',
      en: 'What the phone gets is not the number but another code: it works once, and cannot stand in for that of wx.login. The server exchanges it.',
    },
    source: SOURCES.bindPhone,
    wechat: PAGES.phoneNumber,
  },
  'phone-code.fail': {
    name: { zh: '没有拿到手机号', en: 'No code for the number' },
    why: {
      zh: '用户不愿意给，或者小程序的额度用完了。登录不受影响：手机号从来不是必须的。',
      en: 'The user declined, or the quota of the mini-program is used up. Signing in still works without: the number is never required.',
    },
    wechat: PAGES.phoneNumber,
  },
  'exchange.call': {
    name: { zh: '服务器向微信换身份', en: 'The server asks WeChat' },
    why: {
      zh: '服务器用 appid、appSecret 和 code 问微信这是谁。appSecret 只在服务器上，这一步不能在手机上做。',
      en: 'The server asks WeChat who this is, with appid, appSecret and the code. The appSecret lives on the server alone, so the phone cannot do this.',
    },
    source: SOURCES.gateway,
    wechat: PAGES.exchange,
  },
  'exchange.ok': {
    name: { zh: '微信说出了是谁', en: 'WeChat says who it is' },
    why: {
      zh: 'openid 是这个用户在这个小程序里的身份，session_key 是解密用的密钥。两者都留在服务器上。',
      en: 'The openid is this user in this mini-program; the session_key opens encrypted data. Both stay on the server.',
    },
    source: SOURCES.gateway,
    wechat: PAGES.exchange,
  },
  'exchange.refused': {
    name: { zh: '微信拒绝了', en: 'WeChat refuses' },
    why: {
      zh: '每个 errcode 意思不同：code 用过了、太频繁、配置错了或者微信自己忙。每一种都变成手机看得懂的 code，细节只进服务器日志。',
      en: 'Each errcode means something else: a used code, a quota, a wrong setting, WeChat busy. Each becomes a code that the phone understands; details stay in the server’s log.',
    },
    source: SOURCES.errcodes,
    wechat: PAGES.exchange,
  },
  'access-token.call': {
    name: { zh: '向微信要 access_token', en: 'An access_token is asked for' },
    why: {
      zh: '用户之外的接口要用小程序自己的 access_token。它有配额，所以所有进程共用一个，需要时才去要；普通登录用不到它。',
      en: 'Calls that are not a sign-in need the mini-program’s own access_token. It is rationed, so all processes share one, and it is fetched when needed; a plain sign-in needs none.',
    },
    source: SOURCES.accessToken,
    wechat: PAGES.accessToken,
  },
  'access-token.ok': {
    name: { zh: 'access_token 到手', en: 'The access_token arrives' },
    why: {
      zh: '有效两小时，只在服务器上。它代表整个小程序，比任何一个用户的 token 都危险，绝不会到手机上。',
      en: 'It is good for two hours and stays on the server. It stands for the whole mini-program, so it is more dangerous than any user’s token, and never reaches a phone.',
    },
    source: SOURCES.accessToken,
    wechat: PAGES.accessToken,
  },
  'number.call': {
    name: { zh: '用 code 换手机号', en: 'The code is exchanged for the number' },
    why: {
      zh: '服务器把手机号的 code 连同 openid 一起发给微信，微信会核对这个 code 是不是这个人的。每次都要付费，所以先确认登录的 code 没问题再换。',
      en: 'The server sends the code together with the openid, and WeChat checks that they belong to one person. Each call costs money, so it waits until the login code has proved good.',
    },
    source: SOURCES.number,
    wechat: PAGES.number,
  },
  'number.ok': {
    name: { zh: '微信给了手机号', en: 'WeChat gives the number' },
    why: {
      zh: '完整的号码到服务器为止。小程序只会看到 138****8000。',
      en: 'The whole number goes as far as the server. The mini-program sees 138****8000.',
    },
    source: SOURCES.number,
    wechat: PAGES.number,
  },
} satisfies Record<string, Kind>
