import type { Kind } from './kind.ts'
import { PAGES, SOURCES } from './places.ts'

/** What users do with their accounts, from the sign-in to the goodbye. */
export const ACCOUNT_KINDS = {
  'sign-in.call': {
    name: { zh: '用 code 登录', en: 'The code goes to your server' },
    why: {
      zh: '手机把 code 和 appid 交给你的服务器。除此之外什么都不发：openid 和 session_key 从不经过手机。',
      en: 'The phone hands the code and the appid to your server. Nothing else is sent: openid and session_key never pass through the phone.',
    },
    source: SOURCES.signIn,
    wechat: PAGES.flow,
  },
  'sign-in.ok': {
    name: { zh: '登录成功', en: 'Signed in' },
    why: {
      zh: '手机得到一个不透明的 token，这是它唯一保存的秘密。服务器只存它的 SHA-256，数据库泄露了也登录不了。',
      en: 'The phone gets an opaque token, the only secret it keeps. The server stores its SHA-256, so a leaked database lets nobody in.',
    },
    source: SOURCES.issue,
  },
  'sign-in.refused': {
    name: { zh: '登录被拒绝', en: 'The sign-in is refused' },
    why: {
      zh: '服务器说明了原因，但不是 401：401 只有一种含义：会话 token 无效。这样一次故障不会引发一轮登录风暴。',
      en: 'The server says why, and never with a 401: that means an invalid token and nothing else. So an outage causes no storm of logins.',
    },
    source: SOURCES.signIn,
  },
  'sign-out.call': {
    name: { zh: '退出登录', en: 'Signing out' },
    why: {
      zh: '自己退出时，手机先清掉 token，所以断网也能退出，然后才告诉服务器。也可以让服务器结束别的手机的会话。',
      en: 'A phone that signs itself out forgets its token first, so that this works offline too, and tells the server afterwards. It can also have the sessions of other phones ended.',
    },
    source: SOURCES.logout,
  },
  'sign-out.ok': {
    name: { zh: '已退出', en: 'Signed out' },
    why: {
      zh: '会话在服务器上结束了，它的 token 从此没有用。那台手机不会悄悄再登录，等用户自己点“微信登录”。',
      en: 'The session has ended on the server, and its token is worth nothing from now on. That phone signs in again after a tap of the user, and not by itself.',
    },
    source: SOURCES.revokeRoute,
  },
  'avatar.call': {
    name: { zh: '上传头像', en: 'The picture is uploaded' },
    why: {
      zh: '微信不再给头像。用户用 chooseAvatar 按钮挑一张，手机上只有临时文件，所以要上传，请求头里带着 token。',
      en: 'WeChat hands out no pictures any more. The user chooses one with a chooseAvatar button; the phone has a temporary file, which is uploaded with the token.',
    },
    source: SOURCES.avatar,
    wechat: PAGES.profile,
  },
  'avatar.ok': {
    name: { zh: '头像换好了', en: 'The picture is kept' },
    why: {
      zh: '服务器把图片解码、摆正、缩小、重新画一遍：原文件里的位置信息和别的东西都不会留下。',
      en: 'The server decodes the picture, turns it upright and draws it anew: neither the place where it was taken nor anything else of the original file survives.',
    },
    source: SOURCES.redraw,
  },
  'profile.call': {
    name: { zh: '保存资料', en: 'The profile is saved' },
    why: {
      zh: '昵称是用户自己填的（微信的 type="nickname" 输入框），不是微信给的。没填的人照样登录。',
      en: 'The name is what the user typed into WeChat’s type="nickname" field, not something WeChat knows. Users without one are signed in all the same.',
    },
    source: SOURCES.updateProfile,
    wechat: PAGES.profile,
  },
  'profile.ok': {
    name: { zh: '资料已保存', en: 'The profile is kept' },
    why: {
      zh: '只改交来的那几项，别的不动。服务器检查过长度和看不见的字符。',
      en: 'Only the fields that were sent are changed. The server has checked their length and refused invisible characters.',
    },
    source: SOURCES.profile,
  },
  'phone.call': {
    name: { zh: '绑定手机号', en: 'The number is bound' },
    why: {
      zh: '已经登录的用户证明自己的手机号。code 只发一次，连 401 之后也不重发：它要钱。',
      en: 'A user who is signed in proves a number. The code is sent once, not even again after a 401, because it costs money.',
    },
    source: SOURCES.bindPhone,
    wechat: PAGES.phoneNumber,
  },
  'phone.ok': {
    name: { zh: '手机号已绑定', en: 'The number is bound' },
    why: {
      zh: '手机只得到打了星号的号码。同一个号码只属于一个用户：谁最后证明，就是谁的。',
      en: 'The phone gets the number without its middle. A number has one user: whoever proved it last.',
    },
    source: SOURCES.phoneRoute,
  },
  'unbind.call': {
    name: { zh: '解除手机号', en: 'The number is taken back' },
    why: {
      zh: '用户不想再让店里知道手机号。',
      en: 'The user no longer wants the shop to know the number.',
    },
    source: SOURCES.phoneRoute,
  },
  'unbind.ok': {
    name: { zh: '手机号已删除', en: 'The number is gone' },
    why: {
      zh: '数据库里的号码删掉了，会话不受影响。',
      en: 'The number has been deleted; the session is not touched.',
    },
    source: SOURCES.phoneRoute,
  },
  'erase.call': {
    name: { zh: '注销账号', en: 'The account is to be deleted' },
    why: {
      zh: '用户要求删掉自己的一切。手机在收到回答之前不动：没有完成的注销不会留下半个账号，再点一次就接着做完。',
      en: 'The user asks for everything to be deleted. The phone changes nothing before the answer: an erasure that was cut off is finished by the next tap, and leaves no half account.',
    },
    source: SOURCES.eraseUser,
  },
  'erase.ok': {
    name: { zh: '账号没有了', en: 'The account is gone' },
    why: {
      zh: '用户、openid、密钥、手机号和头像都删了，所有手机的会话都结束了，原因是 erased。再登录就是一个新用户。',
      en: 'User, openid, key, number and picture are deleted, and the sessions of all phones have ended with the reason erased. The next sign-in makes a new user.',
    },
    source: SOURCES.erase,
  },
} satisfies Record<string, Kind>
