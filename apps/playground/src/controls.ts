import type { Action } from './stage/actions.ts'
import type { Text } from './text.ts'

/** A button of the page, or a switch that stays on and is shown as a chip while it is. */
export interface Control {
  id: string
  label: Text
  /** What a switch stands for while it is on, a few words; a control without one is a button. */
  chip?: Text
  on: readonly Action[]
  off?: readonly Action[]
}

export interface ControlGroup {
  id: string
  label: Text
  controls: readonly Control[]
}

const HOUR = 3_600_000
const A = { phone: 'A' } as const

/** A fault of WeChat's HTTP side as a switch. */
function wechatFault(id: string, label: Text, chip: Text, fault: object): Control {
  const at = { point: 'jscode2session' } as const
  return { id, label, chip, on: [{ do: 'wechat-fault', ...at, fault }], off: [{ do: 'wechat-fault-off', ...at }] }
}

function errcode(code: number, zh: string, en: string): Control {
  const chip = { zh: `errcode ${code}`, en: `errcode ${code}` }
  return wechatFault(`errcode${code}`, { zh: `${code} ${zh}`, en: `${code} ${en}` }, chip, { errcode: code })
}

function phoneFault(
  id: string,
  label: Text,
  chip: Text,
  point: 'wx.login' | 'wx.request' | 'wx.setStorage',
  fault: object,
): Control {
  return {
    id,
    label,
    chip,
    on: [{ do: 'phone-fault', ...A, point, fault }],
    off: [{ do: 'phone-fault-off', ...A, point }],
  }
}

function store(store: 'sessions' | 'users', id: string, label: Text, chip: Text): Control {
  return { id, label, chip, on: [{ do: 'store', store, mode: 'down' }], off: [{ do: 'store', store, mode: 'up' }] }
}

/** Everything a reader can do, in the words people search for. */
export const CONTROLS: readonly ControlGroup[] = [
  {
    id: 'session',
    label: { zh: '会话', en: 'Session' },
    controls: [
      { id: 'refresh', label: { zh: '下拉刷新', en: 'Pull to refresh' }, on: [{ do: 'refresh', ...A }] },
      {
        id: 'ten',
        label: { zh: '10 个请求并发', en: '10 requests at once' },
        on: [{ do: 'requests', ...A, count: 10, waits: false }],
      },
      { id: 'restart', label: { zh: '重新打开小程序', en: 'Open the app again' }, on: [{ do: 'open', ...A }] },
      {
        id: 'second',
        label: { zh: '打开第二台手机', en: 'Open a second phone' },
        on: [{ do: 'open', phone: 'B' }],
      },
      {
        id: 'kick',
        label: { zh: '另一台手机：退出其他设备', en: 'Other phone: sign out everywhere else' },
        on: [
          { do: 'open', phone: 'B' },
          { do: 'wait', ms: 600 },
          { do: 'sign-out-others', phone: 'B' },
        ],
      },
      {
        id: 'foreign401',
        label: { zh: '与会话无关的 401', en: 'A 401 that is not about the session' },
        on: [
          {
            do: 'phone-fault',
            ...A,
            point: 'wx.request',
            fault: { status: 401, body: '{"message":"no permission"}', times: 1 },
          },
          { do: 'requests', ...A, count: 1, waits: false },
        ],
      },
    ],
  },
  {
    id: 'time',
    label: { zh: '时间', en: 'Time' },
    controls: [
      { id: 'twoHours', label: { zh: '过 2 小时', en: 'Two hours pass' }, on: [{ do: 'time', ms: 2 * HOUR + 1000 }] },
      { id: 'month', label: { zh: '过 30 天', en: '30 days pass' }, on: [{ do: 'time', ms: 30 * 24 * HOUR + 1000 }] },
      {
        id: 'quarter',
        label: { zh: '手机上过 15 秒', en: '15 seconds on the phone' },
        on: [{ do: 'time', ms: 15_000, where: 'phone' }],
      },
      {
        id: 'background',
        label: { zh: '切到后台，挂起', en: 'To the background, suspended' },
        chip: { zh: '小程序被挂起', en: 'the app is suspended' },
        on: [
          { do: 'hide', ...A },
          { do: 'time', ms: 5_001, where: 'phone' },
        ],
        off: [{ do: 'show', ...A }],
      },
    ],
  },
  {
    id: 'wechat',
    label: { zh: '微信', en: 'WeChat' },
    controls: [
      {
        id: 'rotate',
        label: { zh: 'session_key 失效', en: 'session_key dies' },
        on: [{ do: 'expire-session-key', ...A }],
      },
      errcode(40029, 'code 无效', 'invalid code'),
      errcode(40163, 'code 已用过', 'code used'),
      errcode(45011, '太频繁', 'too often'),
      errcode(40164, 'IP 不在白名单', 'address not allowed'),
      errcode(40226, '高风险用户', 'user blocked'),
      errcode(-1, '系统繁忙', 'system busy'),
      wechatFault(
        'slow',
        { zh: '微信变慢（3 秒）', en: 'WeChat is slow (3 s)' },
        { zh: '微信慢', en: 'WeChat slow' },
        { delayMs: 3000 },
      ),
      wechatFault(
        'silent',
        { zh: '微信不回答', en: 'WeChat is silent' },
        { zh: '微信不回答', en: 'WeChat silent' },
        { hang: true },
      ),
      wechatFault(
        'gone',
        { zh: '微信挂了', en: 'WeChat is down' },
        { zh: '微信挂了', en: 'WeChat down' },
        { reset: true },
      ),
    ],
  },
  {
    id: 'server',
    label: { zh: '服务器', en: 'Server' },
    controls: [
      store('sessions', 'redisDown', { zh: 'Redis 挂了', en: 'Redis is down' }, { zh: 'Redis 挂了', en: 'Redis down' }),
      store('users', 'sqlDown', { zh: '数据库挂了', en: 'SQL is down' }, { zh: '数据库挂了', en: 'SQL down' }),
    ],
  },
  {
    id: 'network',
    label: { zh: '网络', en: 'Network' },
    controls: [
      {
        id: 'offline',
        label: { zh: '断网', en: 'Offline' },
        chip: { zh: '断网', en: 'offline' },
        on: [{ do: 'network', ...A, online: false }],
        off: [{ do: 'network', ...A, online: true }],
      },
      phoneFault(
        'weak',
        { zh: '弱网：wx.login 给旧 code（fromCache）', en: 'Weak network: wx.login from cache' },
        { zh: '弱网 fromCache', en: 'weak network, fromCache' },
        'wx.login',
        { fromCache: true },
      ),
      phoneFault(
        'stuck',
        { zh: 'wx.login 卡住', en: 'wx.login hangs' },
        { zh: 'wx.login 卡住', en: 'wx.login hangs' },
        'wx.login',
        { hang: true },
      ),
      phoneFault(
        'slowRequests',
        { zh: '请求慢（2 秒）', en: 'Requests take 2 s' },
        { zh: '请求慢', en: 'slow requests' },
        'wx.request',
        { delayMs: 2000 },
      ),
    ],
  },
  {
    id: 'storage',
    label: { zh: '手机存储', en: 'Phone storage' },
    controls: [
      phoneFault(
        'full',
        { zh: '存储满了', en: 'Storage is full' },
        { zh: '存储满', en: 'storage full' },
        'wx.setStorage',
        { errMsg: ':quota reached' },
      ),
      { id: 'cleared', label: { zh: '清空存储', en: 'Storage is cleared' }, on: [{ do: 'clear-storage', ...A }] },
    ],
  },
]

export function findControl(id: string): Control | null {
  for (const { controls } of CONTROLS) for (const control of controls) if (control.id === id) return control
  return null
}
