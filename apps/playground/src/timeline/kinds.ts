import type { Text } from '../text.ts'

/** A place in this repository: the first line of `file` that holds `find`. */
export interface SourcePlace {
  file: string
  find: string
}

/** What a reader is told about rows of one kind. */
export interface Kind {
  name: Text
  /** Two sentences: what it is, and why it is so. */
  why: Text
  source?: SourcePlace
  /** WeChat's own page about it. */
  wechat?: string
}

const WECHAT = 'https://developers.weixin.qq.com/miniprogram/dev'
const CLIENT = 'packages/client/src'
const SERVICE = 'packages/fastify/src'

const PAGES = {
  login: `${WECHAT}/api/open-api/login/wx.login.html`,
  checkSession: `${WECHAT}/api/open-api/login/wx.checkSession.html`,
  exchange: `${WECHAT}/server/API/user-login/api_code2session`,
  flow: `${WECHAT}/framework/open-ability/login.html`,
  storage: `${WECHAT}/api/storage/wx.setStorage.html`,
  request: `${WECHAT}/api/network/request/wx.request.html`,
  socket: `${WECHAT}/api/network/websocket/wx.connectSocket.html`,
  lifecycle: `${WECHAT}/framework/runtime/operating-mechanism.html`,
}

const SOURCES = {
  login: { file: `${CLIENT}/login.ts`, find: 'export function createLogin' },
  ensure: { file: `${CLIENT}/session.ts`, find: 'async function ensure(' },
  check: { file: `${CLIENT}/session-key.ts`, find: 'export function createSessionKey' },
  invalidate: { file: `${CLIENT}/session.ts`, find: 'export function createSession' },
  pipeline: { file: `${CLIENT}/pipeline.ts`, find: 'export function createPipeline' },
  attempt: { file: `${CLIENT}/pipeline.ts`, find: 'async function attempt(' },
  question: { file: `${CLIENT}/session-check.ts`, find: 'export function createSessionCheck' },
  socket: { file: `${CLIENT}/socket.ts`, find: 'export function createConnectSocket' },
  guardedSocket: { file: `${SERVICE}/sockets/guarded-sockets.ts`, find: 'export function createGuardedSockets' },
  storage: { file: `${CLIENT}/storage.ts`, find: 'export function createSessionStorage' },
  signIn: { file: `${SERVICE}/http/routes/sessions.ts`, find: 'app.post(' },
  session: { file: `${SERVICE}/http/routes/session.ts`, find: 'app.get(' },
  gateway: { file: `${SERVICE}/wechat/gateway.ts`, find: 'export function createWechatGateway' },
  errcodes: { file: `${SERVICE}/wechat/errcodes.ts`, find: 'export' },
  guard: { file: `${SERVICE}/http/plugins/authenticate.ts`, find: 'export function getSession' },
  issue: { file: `${SERVICE}/sessions/sessions.ts`, find: 'async issue(' },
  get: { file: `${SERVICE}/sessions/sessions.ts`, find: 'get: async (token)' },
  spend: { file: `${SERVICE}/sessions/sessions.ts`, find: 'async spendCode(' },
  vault: { file: `${SERVICE}/users/session-key-vault.ts`, find: 'export function createSessionKeyVault' },
  users: { file: `${SERVICE}/users/users.ts`, find: 'export interface UserStore' },
  outage: { file: `${SERVICE}/store-failure.ts`, find: 'export' },
}

export type KindId =
  | 'app.launch'
  | 'app.hide'
  | 'app.suspend'
  | 'app.show'
  | 'app.error'
  | 'ui.tap'
  | 'ui.refresh'
  | 'calls.begun'
  | 'calls.ok'
  | 'calls.fail'
  | 'wx.login.call'
  | 'wx.login.ok'
  | 'wx.login.fail'
  | 'wx.checkSession.call'
  | 'wx.checkSession.ok'
  | 'wx.checkSession.fail'
  | 'sign-in.call'
  | 'sign-in.ok'
  | 'sign-in.refused'
  | 'question.call'
  | 'question.lives'
  | 'request.call'
  | 'request.ok'
  | 'request.ended'
  | 'request.revoked'
  | 'request.foreign'
  | 'request.outage'
  | 'request.refused'
  | 'request.lost'
  | 'socket.open'
  | 'socket.message'
  | 'socket.left'
  | 'socket.closed'
  | 'socket.lost'
  | 'storage.read'
  | 'storage.write'
  | 'storage.remove'
  | 'storage.fail'
  | 'exchange.call'
  | 'exchange.ok'
  | 'exchange.refused'
  | 'store.create'
  | 'store.find'
  | 'store.revoke'
  | 'store.touch'
  | 'store.claim'
  | 'store.user'
  | 'store.other'
  | 'store.fail'
  | 'control'

export const KINDS: Record<KindId, Kind> = {
  'app.launch': {
    name: { zh: '打开小程序', en: 'The mini-program opens' },
    why: {
      zh: '冷启动：App.onLaunch 里只写一行 auth.ensureLogin()，不等它。页面照常加载，它们的请求自己会等登录。',
      en: 'A cold start: App.onLaunch has one line, auth.ensureLogin(), and does not wait for it. Pages load as usual, and their requests wait for the login by themselves.',
    },
    source: SOURCES.ensure,
    wechat: PAGES.flow,
  },
  'app.hide': {
    name: { zh: '切到后台', en: 'The background' },
    why: {
      zh: '用户离开了小程序。五秒后微信会把它挂起，没完成的请求会被打断。',
      en: 'The user leaves the mini-program. Five seconds later WeChat suspends it, and requests under way are interrupted.',
    },
    wechat: PAGES.lifecycle,
  },
  'app.suspend': {
    name: { zh: '被挂起', en: 'Suspended' },
    why: {
      zh: '代码停止运行，计时器也停了。回来以后 SDK 不相信旧的计时，重新看一眼会话是否还在。',
      en: 'No code runs and timers stand still. When the app is back, the SDK does not trust its old timers and looks at the session again.',
    },
    wechat: PAGES.lifecycle,
  },
  'app.show': {
    name: { zh: '回到前台', en: 'Back in the foreground' },
    why: {
      zh: '小程序继续运行。保存的会话还有效，就没有理由再登录一次。',
      en: 'The mini-program goes on. While the stored session is good there is no reason to sign in again.',
    },
    wechat: PAGES.lifecycle,
  },
  'app.error': {
    name: { zh: '小程序出错', en: 'An error in the app' },
    why: {
      zh: '小程序的代码抛出了错误，没有人处理。App.onError 会收到它。',
      en: 'The code of the mini-program threw an error that nobody handles. App.onError hears of it.',
    },
  },
  'ui.tap': {
    name: { zh: '点按', en: 'A tap' },
    why: {
      zh: '用户点了屏幕。只有这样的一次点按，才能在用户主动退出之后重新登录。',
      en: 'The user touches the screen. After a sign-out, only such a tap signs in again.',
    },
  },
  'ui.refresh': {
    name: { zh: '下拉刷新', en: 'Pull to refresh' },
    why: {
      zh: '页面重新请求数据。会话过期了也没关系：请求自己会处理。',
      en: 'The page asks for its data again. A session that has expired does not matter: the request takes care of it.',
    },
  },
  'calls.begun': {
    name: { zh: '等待中的请求', en: 'Requests that wait' },
    why: {
      zh: '页面同时发起这些请求。没有可用的 token 时，它们都等同一次登录，而不是各自登录一次。',
      en: 'The page starts these requests at once. Without a usable token all of them wait for the same login, instead of one login each.',
    },
    source: SOURCES.pipeline,
  },
  'calls.ok': {
    name: { zh: '请求完成', en: 'Requests that are answered' },
    why: {
      zh: '页面拿到了数据，没有察觉中间登录过。这正是 auth.request() 的意义。',
      en: 'The page has its data and did not notice the login in between. This is what auth.request() is for.',
    },
    source: SOURCES.pipeline,
  },
  'calls.fail': {
    name: { zh: '请求失败', en: 'Requests that failed' },
    why: {
      zh: '页面得到一个带 code 的错误，可以告诉用户发生了什么。没有任何请求会永远挂着。',
      en: 'The page gets an error with a code and can tell the user what happened. No request hangs for ever.',
    },
    source: SOURCES.pipeline,
  },
  'wx.login.call': {
    name: { zh: '向微信要一个 code', en: 'A code is asked for' },
    why: {
      zh: 'wx.login 在手机上向微信要一个临时凭证。它有调用额度，所以同一时间只调用一次。',
      en: 'wx.login asks WeChat, on the phone, for a temporary credential. Calls are rationed, so there is one at a time.',
    },
    source: SOURCES.login,
    wechat: PAGES.login,
  },
  'wx.login.ok': {
    name: { zh: '微信给了 code', en: 'WeChat gives a code' },
    why: {
      zh: 'code 只能用一次，五分钟内有效。手机自己不知道用户是谁：code 要由你的服务器去换。',
      en: 'The code can be used once, within five minutes. The phone does not learn who the user is: your server exchanges the code.',
    },
    source: SOURCES.login,
    wechat: PAGES.login,
  },
  'wx.login.fail': {
    name: { zh: 'wx.login 失败', en: 'wx.login fails' },
    why: {
      zh: '微信没有给 code：断网、超时或者繁忙。SDK 有时间上限，等它的请求都会得到错误，不会一直卡住。',
      en: 'WeChat gave no code: offline, too slow or busy. The SDK has a deadline, so whatever waits gets an error instead of hanging.',
    },
    source: SOURCES.login,
    wechat: PAGES.login,
  },
  'wx.checkSession.call': {
    name: { zh: '微信的 session_key 还在吗？', en: 'Does WeChat’s session_key live?' },
    why: {
      zh: 'wx.checkSession 问的是微信的 session_key，不是你的登录状态。每次启动问一次就够了。',
      en: 'wx.checkSession asks about WeChat’s session_key, not about your sign-in. Once per start is enough.',
    },
    source: SOURCES.check,
    wechat: PAGES.checkSession,
  },
  'wx.checkSession.ok': {
    name: { zh: 'session_key 还在', en: 'The session_key lives' },
    why: {
      zh: '微信的密钥还有效，解密会成功。你的 token 是否有效，只有你的服务器知道。',
      en: 'WeChat’s key is good, so decryption works. Whether your token is good, only your server knows.',
    },
    source: SOURCES.check,
    wechat: PAGES.checkSession,
  },
  'wx.checkSession.fail': {
    name: { zh: 'session_key 失效了', en: 'The session_key has died' },
    why: {
      zh: '微信换了密钥，服务器手里的那个解不开数据了。所以静默登录一次，旧会话在此期间照常使用。',
      en: 'WeChat has another key, and the one on the server opens nothing. One silent login follows; the old session serves meanwhile.',
    },
    source: SOURCES.check,
    wechat: PAGES.checkSession,
  },
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
  'question.call': {
    name: { zh: '会话还在吗？', en: 'Does the session live?' },
    why: {
      zh: '来了一个 401，但没有说是会话失效。先问自己的服务，再决定要不要登录。',
      en: 'A 401 came that does not say the session ended. The service itself is asked before anybody logs in.',
    },
    source: SOURCES.question,
  },
  'question.lives': {
    name: { zh: '401 不是会话的问题，不登录', en: 'The 401 is not about the session: no login' },
    why: {
      zh: '会话还在，所以那个 401 是别人的意思：网关、权限或者业务。什么都不清除，也不登录。',
      en: 'The session lives, so the 401 meant something else: a gateway, a permission, the business. Nothing is cleared, nobody logs in.',
    },
    source: SOURCES.question,
  },
  'request.call': {
    name: { zh: '业务请求', en: 'A request' },
    why: {
      zh: 'token 放在 Authorization 头里，不放在地址里：地址会被写进日志。请求和平时的 wx.request 写法一样。',
      en: 'The token travels in the Authorization header and not in the address, because addresses end up in logs. The call reads like wx.request.',
    },
    source: SOURCES.pipeline,
    wechat: PAGES.request,
  },
  'request.ok': {
    name: { zh: '成功', en: 'Answered' },
    why: {
      zh: '服务器认得这个 token。每次使用都会续期，常用的人不会被登出。',
      en: 'The server knows the token. Each use renews the session, so whoever keeps using the app stays signed in.',
    },
    source: SOURCES.guard,
  },
  'request.ended': {
    name: { zh: '会话过期了', en: 'The session has expired' },
    why: {
      zh: '401 session_invalid：会话确实结束了。SDK 登录一次，再把请求重发一次，页面察觉不到。',
      en: '401 session_invalid: the session has really ended. The SDK logs in once and sends the request once more; the page does not notice.',
    },
    source: SOURCES.attempt,
  },
  'request.revoked': {
    name: { zh: '会话被结束了', en: 'The session was ended' },
    why: {
      zh: '有人在别处结束了它，服务器说了原因。在用户自己点登录之前，不会悄悄再登录。',
      en: 'Somebody ended it elsewhere, and the server says why. Nobody is signed in again until the user taps.',
    },
    source: SOURCES.invalidate,
  },
  'request.foreign': {
    name: { zh: '一个说不清的 401', en: 'A 401 of unknown meaning' },
    why: {
      zh: '这个 401 没有说是会话的问题，可能来自网关或者权限检查。见到 401 就登录的写法，会在这里不停地登录。',
      en: 'This 401 does not say that the session ended; a gateway or a permission check may have sent it. Code that logs in on each 401 never stops here.',
    },
    source: SOURCES.question,
  },
  'request.outage': {
    name: { zh: '服务暂时不可用', en: 'The service is in trouble' },
    why: {
      zh: '5xx 和 token 无关，所以 token 留着，谁也不会被登出。恢复以后一切照旧。',
      en: 'A 5xx says nothing about the token, so the token stays and nobody is signed out. When the service is back, everything goes on.',
    },
    source: SOURCES.outage,
  },
  'request.refused': {
    name: { zh: '请求被拒绝', en: 'Refused' },
    why: {
      zh: '服务器拒绝了这个请求，原因写在 code 里。会话不受影响。',
      en: 'The server refuses the request, and its code says why. The session is not touched.',
    },
  },
  'request.lost': {
    name: { zh: '没有回答', en: 'No answer' },
    why: {
      zh: '网络断了、超时了，或者小程序被挂起。没有回答不等于会话失效：什么都不清除。',
      en: 'The network broke, time ran out or the app was suspended. No answer does not mean that the session ended: nothing is cleared.',
    },
    source: SOURCES.attempt,
    wechat: PAGES.request,
  },
  'socket.open': {
    name: { zh: 'WebSocket 连上了', en: 'A WebSocket opens' },
    why: {
      zh: '握手请求带着 token，服务端像守护其他路由一样守护它：没有有效会话就回答 401。连上以后，它和会话共存亡。',
      en: 'The upgrade carries the token, and the guard stands on it as on any route: without a live session it is answered 401. Once open, it lives as long as the session.',
    },
    source: SOURCES.socket,
    wechat: PAGES.socket,
  },
  'socket.message': {
    name: { zh: '推送', en: 'A push' },
    why: {
      zh: '服务端把消息发给这个用户所有连着的手机，不管连在哪个进程上。最多送达一次，所以页面连上后总是先读一遍列表。',
      en: 'The server sends to all phones of the user that are connected, on whichever process. At most once: so a page that has connected reads its list first.',
    },
    source: SOURCES.guardedSocket,
  },
  'socket.left': {
    name: { zh: '页面断开连接', en: 'The page leaves' },
    why: {
      zh: '页面被隐藏或离开时自己断开：几秒后微信反正会断掉后台的连接。',
      en: 'Hidden or left, the page closes its socket by itself: WeChat would do so to an app in the background a few seconds later.',
    },
    wechat: PAGES.socket,
  },
  'socket.closed': {
    name: { zh: '服务端关闭了连接', en: 'The server closes' },
    why: {
      zh: '4401 表示会话结束了，SDK 像对待 401 一样处理：先问服务端，该登录的登录一次、重连一次，被别处退出的就停下。1012 表示服务在重启，页面稍后重连。',
      en: '4401 says that the session ended. The SDK treats it like a 401: it asks the service, then logs in and connects once more, or stops when another phone signed it out. 1012 says that the service restarts, and the page comes back a little later.',
    },
    source: SOURCES.guardedSocket,
  },
  'socket.lost': {
    name: { zh: '连接断了', en: 'The connection is lost' },
    why: {
      zh: '没有任何一方说再见：网络断了，或者微信挂起了小程序。这和会话无关，不会登录。',
      en: 'Nobody said goodbye: the network is gone, or WeChat has suspended the app. That says nothing about the session, so nobody logs in.',
    },
    source: SOURCES.socket,
  },
  'storage.read': {
    name: { zh: '读本地存储', en: 'The storage is read' },
    why: {
      zh: '启动时读出保存的会话；静默登录之前再读一次，因为独立分包里的另一份代码可能已经登录或退出。',
      en: 'The stored session is read at the start, and once more before a silent login: a copy of the SDK in a subpackage may have signed in or out.',
    },
    source: SOURCES.storage,
    wechat: PAGES.storage,
  },
  'storage.write': {
    name: { zh: '写本地存储', en: 'The storage is written' },
    why: {
      zh: '存下 token 和到期时间，别的都不存。下次打开时不用登录。',
      en: 'The token and its expiry are stored, and nothing else. The next start needs no login.',
    },
    source: SOURCES.storage,
    wechat: PAGES.storage,
  },
  'storage.remove': {
    name: { zh: '清除本地存储', en: 'The storage is cleared' },
    why: {
      zh: '会话结束了，手机上不再保留 token。清除之前会比较：新的 token 不会被旧的 401 删掉。',
      en: 'The session has ended, and the phone keeps no token. It compares first: a late 401 of an old token never removes the new one.',
    },
    source: SOURCES.invalidate,
    wechat: PAGES.storage,
  },
  'storage.fail': {
    name: { zh: '存不下了', en: 'The storage is full' },
    why: {
      zh: '手机存储满了或者出错。会话留在内存里，这次照常使用，下次启动再登录。',
      en: 'The storage of the phone is full or broken. The session stays in memory and serves this run; the next start signs in again.',
    },
    source: SOURCES.storage,
    wechat: PAGES.storage,
  },
  'exchange.call': {
    name: { zh: '服务器向微信换身份', en: 'The server asks WeChat' },
    why: {
      zh: '服务器用 appid、appSecret 和 code 问微信这是谁。appSecret 只在服务器上，这一步不能在手机上做。',
      en: 'The server asks WeChat who this is, with appid, appSecret and the code. The appSecret lives on the server alone, so the phone cannot do this.',
    },
    source: SOURCES.gateway,
    wechat: PAGES.exchange,
  },
  'exchange.ok': {
    name: { zh: '微信说出了是谁', en: 'WeChat says who it is' },
    why: {
      zh: 'openid 是这个用户在这个小程序里的身份，session_key 是解密用的密钥。两者都留在服务器上。',
      en: 'The openid is this user in this mini-program; the session_key opens encrypted data. Both stay on the server.',
    },
    source: SOURCES.gateway,
    wechat: PAGES.exchange,
  },
  'exchange.refused': {
    name: { zh: '微信拒绝了', en: 'WeChat refuses' },
    why: {
      zh: '每个 errcode 意思不同：code 用过了、太频繁、配置错了或者微信自己忙。每一种都变成手机看得懂的 code，细节只进服务器日志。',
      en: 'Each errcode means something else: a used code, a quota, a wrong setting, WeChat busy. Each becomes a code that the phone understands; details stay in the server’s log.',
    },
    source: SOURCES.errcodes,
    wechat: PAGES.exchange,
  },
  'store.create': {
    name: { zh: '存下会话', en: 'The session is stored' },
    why: {
      zh: '存的是 token 的 SHA-256、用户和到期时间。token 本身服务器不留。',
      en: 'What is stored is the SHA-256 of the token, the user and the expiry. The server does not keep the token itself.',
    },
    source: SOURCES.issue,
  },
  'store.find': {
    name: { zh: '查会话', en: 'The session is looked up' },
    why: {
      zh: '服务器把收到的 token 算成 SHA-256，再去找。查过的结果记两秒，撤销会立刻通知每个进程。',
      en: 'The server hashes the token it got and looks for that. The answer is remembered for two seconds; a revocation reaches every process at once.',
    },
    source: SOURCES.get,
  },
  'store.revoke': {
    name: { zh: '结束会话', en: 'Sessions are ended' },
    why: {
      zh: '会话的位置上留下一块墓碑，写着原因。那台手机下次请求时会知道为什么。',
      en: 'A tombstone with the reason takes the place of the session. The next request of that phone learns why.',
    },
    source: SOURCES.get,
  },
  'store.touch': {
    name: { zh: '续期', en: 'Use is written down' },
    why: {
      zh: '用一次就往后推一次到期时间。最多每十分之一个有效期写一次，不是每个请求都写。',
      en: 'Use moves the expiry on. It is written at most every tenth of the lifetime, not with each request.',
    },
    source: SOURCES.get,
  },
  'store.claim': {
    name: { zh: '占用 code', en: 'The code is claimed' },
    why: {
      zh: '同一个 code 只有一个请求能拿去换，别的进程里也一样。所以 code 绝不会被发送两次。',
      en: 'Of all requests with one code a single one may exchange it, in other processes too. So no code is sent twice.',
    },
    source: SOURCES.spend,
  },
  'store.user': {
    name: { zh: '用户和密钥', en: 'The user and the key' },
    why: {
      zh: 'openid 变成你自己的用户编号，session_key 加密后存进数据库。到这里 openid 就不再往外走了。',
      en: 'The openid becomes a user id of your own, and the session_key is sealed before it is stored. The openid goes no further.',
    },
    source: SOURCES.vault,
  },
  'store.other': {
    name: { zh: '问存储', en: 'A question to the stores' },
    why: {
      zh: '服务器在存储里查一件小事。登录之前先问能不能写：不能写就不花掉这个 code。',
      en: 'The server looks something up. Before a sign-in it asks whether the stores can be written: if not, the code is not spent.',
    },
    source: SOURCES.users,
  },
  'store.fail': {
    name: { zh: '存储没有回答', en: 'The store does not answer' },
    why: {
      zh: '查不到和没有会话是两回事：回答 503，不是 401。否则一次 Redis 重启就会让所有人同时登录。',
      en: 'Not reachable is not the same as no session: the answer is 503, not 401. Otherwise one restart of Redis would make everybody log in at once.',
    },
    source: SOURCES.outage,
  },
  control: {
    name: { zh: '你做的改变', en: 'What you changed' },
    why: {
      zh: '这一行是你（或者剧本）在幕后做的事。手机和服务器都不知道，只会感到它的后果。',
      en: 'This is what you, or the story, did behind the scenes. Neither the phone nor the server knows; they feel the consequence.',
    },
  },
}
