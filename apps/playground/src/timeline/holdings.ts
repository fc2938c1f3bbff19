import type { Text } from '../text.ts'
import type { LedgerEvent } from './events.ts'
import type { Lifeline } from './rows.ts'

/** Something that one of the four has. */
export interface Holding {
  id: keyof typeof HOLDINGS
  /** Which one: `#1`, `k2`. */
  which: string
}

/** Where a thing lives and where it never goes, for those who point at it. */
export const HOLDINGS = {
  code: {
    name: { zh: 'code', en: 'code' },
    lives: {
      zh: '在手机和服务器之间走一次，用过就没有价值了',
      en: 'travels once from the phone to your server, and is worth nothing afterwards',
    },
    never: { zh: '日志、地址栏', en: 'logs and addresses' },
  },
  token: {
    name: { zh: 'token', en: 'token' },
    lives: {
      zh: '手机的本地存储里，放在 Authorization 头里发送',
      en: 'in the phone’s storage; sent in the Authorization header',
    },
    never: { zh: '服务器的数据库、日志、地址栏', en: 'the database, logs and addresses' },
  },
  secret: {
    name: { zh: 'appSecret', en: 'appSecret' },
    lives: { zh: '服务器的环境变量里', en: 'in the environment of your server' },
    never: { zh: '手机、代码仓库、日志', en: 'the phone, the repository and logs' },
  },
  openid: {
    name: { zh: 'openid', en: 'openid' },
    lives: { zh: '微信那里，以及你的用户表里', en: 'at WeChat, and in your users table' },
    never: { zh: '手机、日志', en: 'the phone and logs' },
  },
  key: {
    name: { zh: 'session_key', en: 'session_key' },
    lives: { zh: '微信那里；服务器有一份，加密存放', en: 'at WeChat; your server has a copy, sealed' },
    never: { zh: '手机、日志、明文的数据库列', en: 'the phone, logs and plain columns' },
  },
  sealed: {
    name: { zh: '加密的 session_key', en: 'session_key, sealed' },
    lives: { zh: '用户库里，用服务器的密钥加密', en: 'in the user store, sealed with a key of the server' },
    never: { zh: '手机、日志', en: 'the phone and logs' },
  },
  hash: {
    name: { zh: 'sha256', en: 'sha256' },
    lives: { zh: '会话存储里。从它算不出 token', en: 'in the session store. The token cannot be computed from it' },
    never: { zh: '手机不需要它', en: 'the phone has no use for it' },
  },
  user: {
    name: { zh: '用户', en: 'user' },
    lives: { zh: '用户库里：你自己的编号，不是 openid', en: 'in the user store: an id of your own, not the openid' },
    never: { zh: '', en: '' },
  },
  tombstone: {
    name: { zh: '墓碑', en: 'tombstone' },
    lives: {
      zh: '会话原来的位置上，直到它本来会过期的时候',
      en: 'in the place of the session, until it would have expired',
    },
    never: { zh: '', en: '' },
  },
} satisfies Record<string, { name: Text; lives: Text; never: Text }>

export type Holdings = Record<Lifeline, Holding[]>

/** Who holds what after `events`, seen for one phone and its user. */
export function holdingsAfter(events: readonly LedgerEvent[], phone: string): Holdings {
  let token: string | null = null
  let code: string | null = null
  let codeAtServer = false
  let key: string | null = null
  let sealed: string | null = null
  let hasOpenid = false
  let hasUser = false
  let session: { id: string; token: string; ended: string | null } | null = null

  for (const { entry, phase } of events) {
    if (entry.event === 'session_key.expired') key = null
    if (entry.event === 'sessions.revokeAll' && entry.phone !== phone && session && phase === 'ended')
      session.ended = '…'
    if ((entry.device ?? entry.phone) !== phone) continue
    const isSignIn = entry.event === 'wx.request' && entry.method === 'POST' && /\/sessions$/.test(String(entry.url))
    if (phase === 'begun') {
      if (isSignIn) codeAtServer = true
      continue
    }
    if (entry.event === 'wx.login' && entry.code) {
      code = String(entry.code)
      hasOpenid = true
    }
    if (isSignIn) {
      code = null
      codeAtServer = false
      if (entry.token) {
        token = String(entry.token)
        if (session && session.token === '') session.token = token
      }
    } else if (entry.statusCode === 401 && String(entry.code).startsWith('session_') && entry.bearer === token) {
      token = null
      if (session && entry.reason) session.ended = String(entry.reason)
      else session = null
    }
    if (entry.event === 'wx.clearStorage') token = null
    if (entry.event === 'jscode2session' && entry.sessionKey) key = String(entry.sessionKey)
    if (entry.event === 'users.signIn' && !entry.failed) {
      hasUser = true
      sealed = key
    }
    if (entry.event === 'sessions.create' && !entry.failed) {
      session = { id: String(entry.sessionId ?? ''), token: '', ended: null }
    }
  }

  const list = (...items: (Holding | false | null)[]) => items.filter((item) => item !== false && item !== null)
  return {
    phone: list(token !== null && { id: 'token', which: token }, code !== null && { id: 'code', which: code }),
    service: list({ id: 'secret', which: '' }, codeAtServer && code !== null && { id: 'code', which: code }),
    wechat: list(hasOpenid && { id: 'openid', which: '' }, key !== null && { id: 'key', which: key }),
    stores: list(
      session &&
        (session.ended === null
          ? { id: 'hash', which: session.token || session.id }
          : { id: 'tombstone', which: session.ended }),
      hasUser && { id: 'user', which: '' },
      hasUser && { id: 'openid', which: '' },
      sealed !== null && { id: 'sealed', which: sealed },
    ),
  }
}
