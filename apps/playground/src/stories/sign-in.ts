import type { Scenario } from '../scenario.ts'
import { A, logins, OPEN, products, TWO_HOURS } from './common.ts'

/** Signing in, and how a session goes on. */
export const SIGN_IN: readonly Scenario[] = [
  {
    id: 'first',
    title: { zh: '首次登录', en: 'First sign-in' },
    steps: [OPEN],
    checks: [logins(1), products],
  },
  {
    id: 'warm',
    title: { zh: '再次打开：不用登录', en: 'Open again: no login' },
    steps: [
      OPEN,
      {
        say: {
          zh: '关掉再打开：token 存在手机上，不调用 wx.login，只问一次微信的 session_key 还在不在。',
          en: 'Closed and opened again: the token is stored, so no wx.login. WeChat is asked once whether its session_key lives.',
        },
        actions: [{ do: 'open', ...A }],
      },
    ],
    checks: [logins(1), products],
  },
  {
    id: 'renewal',
    title: { zh: '过期：静默续上', en: 'Expired: renewed silently' },
    steps: [
      OPEN,
      {
        say: {
          zh: '服务器上过了两小时，没有人用：会话过期了，手机还不知道。',
          en: 'Two hours pass on the server and nobody uses the app: the session has expired, and the phone does not know.',
        },
        actions: [{ do: 'time', ms: TWO_HOURS, where: 'server' }],
      },
      {
        say: {
          zh: '用户下拉刷新：401 session_invalid，登录一次，请求重发一次。页面上什么都没有发生。',
          en: 'The user pulls to refresh: 401 session_invalid, one login, the request once more. On the page nothing happens.',
        },
        actions: [{ do: 'refresh', ...A }],
      },
    ],
    checks: [logins(2), { count: 'wx.request', where: { statusCode: 401 }, is: 1 }, products],
  },
  {
    id: 'ten',
    isRecordedBeside: true,
    title: { zh: '10 个请求并发：只登录一次', en: '10 requests at once: one login' },
    steps: [
      OPEN,
      {
        say: { zh: '过了两小时，会话过期。', en: 'Two hours pass; the session expires.' },
        actions: [{ do: 'time', ms: TWO_HOURS }],
      },
      {
        say: {
          zh: '页面同时发出 10 个请求。它们等同一次登录，然后一起发出去。',
          en: 'The page starts 10 requests at once. They wait for one login, then all of them go.',
        },
        actions: [{ do: 'requests', ...A, count: 10 }],
      },
    ],
    checks: [logins(2), { count: 'app.request', where: { ok: true }, is: 10 }],
  },
  {
    id: 'late-401',
    isRecordedBeside: true,
    title: { zh: '迟到的 401', en: 'A late 401' },
    steps: [
      OPEN,
      {
        say: {
          zh: '会话在服务器上过期。一个请求走得很慢，还带着旧 token 在路上。',
          en: 'The session expires on the server. One slow request is still on its way with the old token.',
        },
        actions: [
          { do: 'time', ms: TWO_HOURS, where: 'server' },
          { do: 'phone-fault', ...A, point: 'wx.request', fault: { delayMs: 20_000, times: 1 } },
          { do: 'requests', ...A, count: 1, waits: false },
          { do: 'wait', ms: 100 },
        ],
      },
      {
        say: {
          zh: '另一个请求得到 401，登录，拿到新 token。20 秒后旧请求的 401 才到：它说的是旧 token，新会话不能丢。',
          en: 'Another request gets a 401, logs in and has a new token. 20 seconds later the 401 of the slow one arrives: it is about the old token, and the new session must stay.',
        },
        actions: [
          { do: 'requests', ...A, count: 1 },
          // On the phone's clock: the slow request arrives after the login however busy the machine is.
          { do: 'time', ms: 20_000, where: 'phone' },
        ],
      },
    ],
    checks: [logins(2), { count: 'app.request', where: { ok: true }, is: 2 }],
  },
  {
    id: 'stuck-login',
    isRecordedBeside: true,
    title: { zh: 'wx.login 卡住', en: 'wx.login hangs' },
    steps: [
      {
        say: { zh: '微信不回答 wx.login，页面在等。', en: 'WeChat does not answer wx.login, and the page waits.' },
        actions: [
          { do: 'phone-fault', ...A, point: 'wx.login', fault: { hang: true } },
          { do: 'open', ...A },
          { do: 'requests', ...A, count: 2, waits: false },
          { do: 'wait', ms: 500 },
        ],
      },
      {
        say: {
          zh: '15 秒后 SDK 放弃：页面得到错误，用户看到一句话和一个按钮。',
          en: 'After 15 seconds the SDK gives up: the page gets an error, the user one sentence and one button.',
        },
        actions: [
          { do: 'time', ms: 16_000, where: 'phone' },
          { do: 'wait', ms: 300 },
        ],
      },
      {
        say: {
          zh: '微信恢复了，用户点重试：一切照常。',
          en: 'WeChat is back and the user taps: everything is as usual.',
        },
        actions: [
          { do: 'phone-fault-off', ...A, point: 'wx.login' },
          { do: 'time', ms: 5_000, where: 'phone' },
          { do: 'tap', ...A, target: '#retry' },
        ],
      },
    ],
    checks: [{ count: 'sign-in', is: 1 }, products],
  },
]
