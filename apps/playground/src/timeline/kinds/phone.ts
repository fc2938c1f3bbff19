import type { Kind } from './kind.ts'
import { PAGES, SOURCES } from './places.ts'

/** What happens on the phone: the app and its user, what it calls, and what it stores. */
export const PHONE_KINDS = {
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
  control: {
    name: { zh: '你做的改变', en: 'What you changed' },
    why: {
      zh: '这一行是你（或者剧本）在幕后做的事。手机和服务器都不知道，只会感到它的后果。',
      en: 'This is what you, or the story, did behind the scenes. Neither the phone nor the server knows; they feel the consequence.',
    },
  },
} satisfies Record<string, Kind>
