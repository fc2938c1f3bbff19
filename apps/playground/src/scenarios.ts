import type { Action } from './stage/actions.ts'
import type { Text } from './text.ts'

/** Something that must be true in the end: of the page, and of the test that is made from the scenario. */
export type Check =
  /** How many entries of the phones' ledger have this event and these details. */
  { count: string; where?: Record<string, string | number | boolean>; is: number } | { phone: 'A' | 'B'; shows: string }

export interface Step {
  say: Text
  actions: readonly Action[]
}

/** A story of a few steps, with an address of its own: `#<id>`. */
export interface Scenario {
  id: string
  title: Text
  steps: readonly Step[]
  checks: readonly Check[]
  /** Recorded beside the tutorial's code too, because that goes wrong in it. */
  isRecordedBeside?: true
}

const HOUR = 3_600_000
const TWO_HOURS = 2 * HOUR + 1000
const A = { phone: 'A' } as const
const B = { phone: 'B' } as const

const OPEN: Step = {
  say: {
    zh: '第一次打开：wx.login 给一个 code，服务器拿它向微信换身份，手机得到一个 token。',
    en: 'The first start: wx.login gives a code, the server exchanges it at WeChat, the phone gets a token.',
  },
  actions: [{ do: 'open', ...A }],
}

const logins = (is: number): Check => ({ count: 'wx.login', is })
const products: Check = { ...A, shows: '#products' }

export const SCENARIOS: readonly Scenario[] = [
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
          { do: 'phone-fault', ...A, point: 'wx.request', fault: { delayMs: 1500, times: 1 } },
          { do: 'requests', ...A, count: 1, waits: false },
          { do: 'wait', ms: 100 },
        ],
      },
      {
        say: {
          zh: '另一个请求得到 401，登录，拿到新 token。之后旧请求的 401 才到：它说的是旧 token，新会话不能丢。',
          en: 'Another request gets a 401, logs in and has a new token. Then the 401 of the slow one arrives: it is about the old token, and the new session must stay.',
        },
        actions: [
          { do: 'requests', ...A, count: 1 },
          { do: 'wait', ms: 2200 },
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
  {
    id: 'kicked',
    title: { zh: '被另一台手机退出', en: 'Signed out by the other phone' },
    steps: [
      OPEN,
      {
        say: { zh: '同一个人在第二台手机上打开小程序。', en: 'The same person opens the app on a second phone.' },
        actions: [{ do: 'open', ...B }],
      },
      {
        say: { zh: '第二台手机：退出其他设备。', en: 'The second phone: sign out everywhere else.' },
        actions: [{ do: 'sign-out-others', ...B }],
      },
      {
        say: {
          zh: '第一台手机刷新：401，原因是 signed_out_elsewhere。它不会悄悄再登录，而是等用户点按。',
          en: 'The first phone refreshes: 401 with the reason signed_out_elsewhere. It does not sign in again by itself; it waits for a tap.',
        },
        actions: [{ do: 'refresh', ...A }],
      },
      {
        say: { zh: '用户点“微信登录”，回来了。', en: 'The user taps “微信登录” and is back.' },
        actions: [{ do: 'tap', ...A, target: '#login >>> .login' }],
      },
    ],
    checks: [logins(3), { count: 'wx.request', where: { reason: 'signed_out_elsewhere' }, is: 1 }, products],
  },
  {
    id: 'foreign-401',
    title: { zh: '401 不是会话的问题', en: 'A 401 that is not about the session' },
    steps: [
      OPEN,
      {
        say: {
          zh: '一个接口因为自己的原因回答 401（比如没有权限）。SDK 先问服务：会话还在，所以不登录。',
          en: 'An address answers 401 for a reason of its own, a permission for example. The SDK asks the service: the session lives, so nobody logs in.',
        },
        actions: [
          {
            do: 'phone-fault',
            ...A,
            point: 'wx.request',
            fault: { status: 401, body: '{"message":"no permission"}', times: 1 },
          },
          { do: 'requests', ...A, count: 1 },
        ],
      },
      {
        say: { zh: '其他请求照常成功。', en: 'Other requests succeed as before.' },
        actions: [{ do: 'refresh', ...A }],
      },
    ],
    checks: [logins(1), products],
  },
  {
    id: 'key-rotation',
    title: { zh: 'session_key 失效', en: 'The session_key dies' },
    steps: [
      OPEN,
      {
        say: {
          zh: '用户很久没来，微信丢掉了 session_key。我们的会话不受影响。',
          en: 'After a long absence WeChat drops the session_key. Our own session is not touched by that.',
        },
        actions: [{ do: 'expire-session-key', ...A }],
      },
      {
        say: {
          zh: '再次打开：wx.checkSession 说失效了，于是登录一次换新密钥。要解密的时候，服务器手里的就是对的。',
          en: 'Opened again: wx.checkSession says that it is gone, so one login fetches a new key. When something has to be decrypted, the server has the right one.',
        },
        actions: [{ do: 'open', ...A }],
      },
    ],
    checks: [logins(2), { count: 'wx.request', where: { statusCode: 401 }, is: 0 }, products],
  },
  {
    id: 'wechat-down',
    title: { zh: '微信挂了，又恢复', en: 'WeChat is down, and back' },
    steps: [
      {
        say: {
          zh: '微信的接口断了：登录得到 502，页面说明情况，不会一直转圈。',
          en: 'WeChat’s API resets every connection: the sign-in is answered 502, and the page says so instead of waiting for ever.',
        },
        actions: [
          { do: 'wechat-fault', point: 'jscode2session', fault: { reset: true } },
          { do: 'open', ...A },
          { do: 'wait', ms: 600 },
        ],
      },
      {
        say: { zh: '微信恢复了，用户点重试。', en: 'WeChat is back, and the user tries again.' },
        actions: [
          { do: 'wechat-fault-off', point: 'jscode2session' },
          { do: 'time', ms: 5_000, where: 'phone' },
          { do: 'tap', ...A, target: '#retry' },
        ],
      },
    ],
    checks: [{ count: 'sign-in', is: 1 }, products],
  },
  {
    id: 'redis-down',
    title: { zh: 'Redis 挂了，没有人被登出', en: 'Redis is down, nobody is signed out' },
    steps: [
      OPEN,
      {
        say: {
          zh: '会话存储挂了。两秒后服务器的记忆过期，刷新得到 503：不是 401，token 留着。',
          en: 'The session store is down. Two seconds later the server’s memory is stale and a refresh is answered 503: no 401, so the token stays.',
        },
        actions: [
          { do: 'store', store: 'sessions', mode: 'down' },
          { do: 'wait', ms: 2100 },
          { do: 'refresh', ...A },
        ],
      },
      {
        say: {
          zh: '恢复以后再刷新：同一个 token，没有登录。',
          en: 'It is back, the page is refreshed: the same token, no login.',
        },
        actions: [
          { do: 'store', store: 'sessions', mode: 'up' },
          { do: 'refresh', ...A },
        ],
      },
    ],
    checks: [logins(1), { count: 'wx.request', where: { statusCode: 503 }, is: 1 }, products],
  },
  {
    id: 'offline',
    title: { zh: '断网打开，再联网', en: 'Opened offline, then online' },
    steps: [
      OPEN,
      {
        say: {
          zh: '断网时打开：没有回答不等于会话失效，token 留着。',
          en: 'Opened without a network: no answer does not mean that the session ended, so the token stays.',
        },
        actions: [
          { do: 'network', ...A, online: false },
          { do: 'open', ...A },
          { do: 'wait', ms: 300 },
        ],
      },
      {
        say: { zh: '有网了，点重试：不用登录。', en: 'The network is back, a tap on retry: no login.' },
        actions: [
          { do: 'network', ...A, online: true },
          { do: 'tap', ...A, target: '#retry' },
        ],
      },
    ],
    checks: [{ count: 'sign-in', is: 1 }, products],
  },
  {
    id: 'suspended',
    title: { zh: '挂起再回来', en: 'Suspended and back' },
    steps: [
      OPEN,
      {
        say: {
          zh: '用户切走了，微信五秒后挂起小程序。',
          en: 'The user leaves; five seconds later WeChat suspends the app.',
        },
        actions: [
          { do: 'hide', ...A },
          { do: 'time', ms: 5_001, where: 'phone' },
        ],
      },
      {
        say: {
          zh: '十分钟后回来，刷新：还是那个 token，没有登录。',
          en: 'Ten minutes later the user is back and refreshes: the same token, no login.',
        },
        actions: [
          { do: 'time', ms: 600_000 },
          { do: 'show', ...A },
          { do: 'refresh', ...A },
        ],
      },
    ],
    checks: [logins(1), products],
  },
  {
    id: 'socket',
    title: { zh: 'WebSocket：随会话一起结束', en: 'A WebSocket that ends with its session' },
    steps: [
      OPEN,
      {
        say: {
          zh: '打开“今日茶”：页面连上 WebSocket，握手时带着 token。',
          en: 'The page of today’s tea opens a WebSocket; its upgrade carries the token.',
        },
        actions: [
          { do: 'tap', ...A, target: '#to-orders' },
          { do: 'wait', ms: 1_000 },
        ],
      },
      {
        say: {
          zh: '点一杯茶。泡好的时候，服务端把消息推到手机上，不用轮询。',
          en: 'A cup is ordered. When it is ready the server pushes that to the phone; nobody polls.',
        },
        actions: [
          { do: 'tap', ...A, target: '#order' },
          { do: 'wait', ms: 3_500 },
        ],
      },
      {
        say: {
          zh: '第二台手机退出其他设备：连接立刻以 4401 关闭，SDK 问明原因，不再重连。',
          en: 'A second phone signs out everywhere else: the socket closes with 4401 at once. The SDK asks why, and does not come back.',
        },
        actions: [
          { do: 'open', ...B },
          { do: 'sign-out-others', ...B },
          { do: 'wait', ms: 1_000 },
        ],
      },
    ],
    checks: [
      logins(2),
      { count: 'wx.connectSocket', where: { open: true }, is: 1 },
      { count: 'wx.onSocketMessage', is: 2 },
      { count: 'wx.connectSocket', where: { closed: 4401 }, is: 1 },
      { ...A, shows: '#signed-out' },
    ],
  },
]

export function findScenario(id: string): Scenario | null {
  return SCENARIOS.find((scenario) => scenario.id === id) ?? null
}
