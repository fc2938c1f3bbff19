import type { Text } from './text.ts'

/** What most people come with. Each story shows what its answer says. */
export const QUESTIONS: readonly { ask: Text; answer: Text; story: string }[] = [
  {
    ask: { zh: 'token 在哪里？', en: 'Where does the token live?' },
    answer: {
      zh: '只存在手机的本地存储里，每个请求用 Authorization 头带上它。服务器的数据库只存它的 SHA-256，泄露了也登录不了。',
      en: 'In the phone’s storage and nowhere else; each request sends it in its Authorization header. The server’s database has its SHA-256 only, so a leaked database lets nobody in.',
    },
    story: 'first',
  },
  {
    ask: { zh: '微信知道什么？', en: 'What does WeChat know?' },
    answer: {
      zh: '这个人的 openid，和它自己的 session_key。你的 token 它不知道，所以 wx.checkSession 说的不是你的登录状态。',
      en: 'The person’s openid, and a session_key of its own. It does not know your token, so wx.checkSession says nothing about your sign-in.',
    },
    story: 'key-rotation',
  },
  {
    ask: { zh: 'token 过期了会怎样？', en: 'What if the token expires?' },
    answer: {
      zh: '服务器回答 401 session_invalid，SDK 登录一次，把请求重发一次。用户什么都看不到。',
      en: 'The server answers 401 session_invalid; the SDK logs in once and sends the request again. The user sees nothing.',
    },
    story: 'renewal',
  },
  {
    ask: { zh: '为什么不能见到 401 就登录？', en: 'Why not log in on each 401?' },
    answer: {
      zh: '因为 401 可能来自网关、来自权限检查，也可能说的是旧 token。见到就登录，会没完没了地登录，还会丢掉新的会话。',
      en: 'A gateway or a permission check may have sent it, or it is about an older token. Logging in each time never ends, and throws away good sessions.',
    },
    story: 'foreign-401',
  },
]
