import type { Scenario } from '../scenario.ts'
import { A, logins, OPEN, products } from './common.ts'

/** What fails, and comes back. */
export const OUTAGES: readonly Scenario[] = [
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
]
