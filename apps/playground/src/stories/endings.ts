import type { Scenario } from '../scenario.ts'
import { A, B, logins, OPEN, products } from './common.ts'

/** What ends a session, and what does not. */
export const ENDINGS: readonly Scenario[] = [
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
