import type { Text } from '../text.ts'

/** Where a thing lives and where it never goes, for those who point at it. */
export const THINGS = {
  code: {
    name: { zh: 'code', en: 'code' },
    lives: {
      zh: '在手机和服务器之间走一次，用过就没有价值了',
      en: 'travels once from the phone to your server, and is worth nothing afterwards',
    },
    never: { zh: '日志、地址栏', en: 'logs and addresses' },
  },
  phoneCode: {
    name: { zh: '手机号的 code', en: 'code of the number' },
    lives: {
      zh: '和 wx.login 的 code 一样，在手机和服务器之间走一次',
      en: 'travels once from the phone to your server, like that of wx.login',
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
  number: {
    name: { zh: '手机号', en: 'phone number' },
    lives: { zh: '微信那里；你的用户库有一份，加密存放', en: 'at WeChat; your user store has a copy, sealed' },
    never: { zh: '小程序（它只见到 138****8000）、日志', en: 'the mini-program, which sees 138****8000, and logs' },
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
