import type { Kind } from './kind.ts'
import { PAGES, SOURCES } from './places.ts'

/** What goes between the phone and the service: requests with the token, and what a refusal means. */
export const REQUEST_KINDS = {
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
  'question.call': {
    name: { zh: '会话还在吗？', en: 'Does the session live?' },
    why: {
      zh: '来了一个 401，但没有说是会话失效。先问自己的服务，再决定要不要登录。',
      en: 'A 401 came that does not say the session ended. The service itself is asked before anybody logs in.',
    },
    source: SOURCES.question,
  },
  'question.ok': {
    name: { zh: '401 不是会话的问题，不登录', en: 'The 401 is not about the session: no login' },
    why: {
      zh: '会话还在，所以那个 401 是别人的意思：网关、权限或者业务。什么都不清除，也不登录。',
      en: 'The session lives, so the 401 meant something else: a gateway, a permission, the business. Nothing is cleared, nobody logs in.',
    },
    source: SOURCES.question,
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
} satisfies Record<string, Kind>
