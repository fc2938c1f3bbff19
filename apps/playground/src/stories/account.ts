import type { Scenario } from '../scenario.ts'
import { A, B, logins, OPEN, products } from './common.ts'

const PROFILE = 'pages/profile/profile'

/** What users do with their accounts. */
export const ACCOUNT: readonly Scenario[] = [
  {
    id: 'profile',
    isOursAlone: true,
    title: { zh: '头像和昵称', en: 'Picture and name' },
    steps: [
      OPEN,
      {
        say: {
          zh: '微信不再给头像和昵称。用户点头像，自己挑一张；手机上只有临时文件，所以带着 token 上传。服务器把图片重新画一遍再存。',
          en: 'WeChat hands out neither picture nor name any more. The user chooses a picture; the phone has a temporary file of it, which is uploaded with the token. The server draws it anew before it keeps it.',
        },
        actions: [
          { do: 'tab', ...A, page: PROFILE },
          { do: 'tap', ...A, target: '#avatar' },
        ],
      },
      {
        say: {
          zh: '昵称也是用户自己填的。没有头像和昵称的人，登录也一样成功：登录只看 openid。',
          en: 'The name is typed by the user as well. Users without either are signed in all the same: a sign-in needs the openid and nothing else.',
        },
        actions: [
          { do: 'input', ...A, target: '#nickname', value: '小茶' },
          { do: 'tap', ...A, target: '#save' },
        ],
      },
    ],
    checks: [logins(1), { count: 'wx.uploadFile', where: { statusCode: 200 }, is: 1 }, { ...A, shows: '#message' }],
  },
  {
    id: 'phone',
    isOursAlone: true,
    title: { zh: '手机号一键登录', en: 'Signing in with the phone number' },
    steps: [
      OPEN,
      {
        say: {
          zh: '用户退出登录。从现在起没有人会悄悄再登录，页面等用户点按。',
          en: 'The user signs out. From now on nobody signs in by itself; the page waits for a tap.',
        },
        actions: [
          { do: 'tab', ...A, page: PROFILE },
          { do: 'tap', ...A, target: '#to-settings' },
          { do: 'tap', ...A, target: '#sign-out' },
        ],
      },
      {
        say: {
          zh: '点“手机号一键登录”，手机得到两个 code：一个说他是谁，一个换手机号。服务器先换第一个，没问题才花钱换第二个。完整的号码不经过手机。',
          en: 'One tap on “手机号一键登录” gives the phone two codes: one says who this is, the other stands for the number. The server exchanges the first, and pays for the second only when that was good. The whole number never passes through the phone.',
        },
        actions: [
          { do: 'tap', ...A, target: '#to-login' },
          { do: 'tap', ...A, target: '#agree' },
          { do: 'tap', ...A, target: '#login >>> .phone' },
        ],
      },
    ],
    checks: [logins(2), { count: 'getPhoneNumber', is: 1 }, products],
  },
  {
    id: 'erasure',
    isOursAlone: true,
    title: { zh: '注销账号', en: 'Deleting the account' },
    steps: [
      OPEN,
      {
        say: { zh: '同一个人在第二台手机上也登录着。', en: 'The same person is signed in on a second phone, too.' },
        actions: [{ do: 'open', ...B }],
      },
      {
        say: {
          zh: '第一台手机注销账号：先标记用户，再挡住正在进行的登录，结束所有会话，最后删除用户、openid、密钥和手机号。',
          en: 'The first phone deletes the account: the user is marked, sign-ins under way are stopped, all sessions end, and then user, openid, key and number are deleted.',
        },
        actions: [
          { do: 'tab', ...A, page: PROFILE },
          { do: 'tap', ...A, target: '#to-settings' },
          { do: 'tap', ...A, target: '#to-erase' },
          { do: 'tap', ...A, target: '#understood' },
          { do: 'tap', ...A, target: '#erase' },
        ],
      },
      {
        say: {
          zh: '第二台手机刷新：401，原因是 erased。它不会悄悄再登录，否则注销的账号立刻就有了一个新的。',
          en: 'The second phone refreshes: 401 with the reason erased. It does not sign in by itself, because that would make a new account at once.',
        },
        actions: [{ do: 'refresh', ...B }],
      },
      {
        say: {
          zh: '用户自己点“微信登录”：openid 还是那个，但服务器不认识了，这是一个新用户。',
          en: 'The user taps “微信登录”. The openid is the same as before, but the server does not know it any more: a new user.',
        },
        actions: [{ do: 'tap', ...B, target: '#login >>> .login' }],
      },
    ],
    checks: [
      logins(3),
      { count: 'wx.request', where: { reason: 'erased' }, is: 1 },
      { ...A, shows: '#signed-out' },
      { ...B, isNewUser: true },
    ],
  },
]
