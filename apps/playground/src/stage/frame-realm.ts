import { REALM_PRELUDE, type Realm } from '@weapp-auth/emulator/browser'

/** A phone's screen: a document of its own, with the mini-program's JavaScript world in it. */
export interface PhoneFrame {
  realm: Realm
  document: Document
  /** Tells of promises of the app that nobody handled. */
  onRejection(listener: (reason: unknown, promise: Promise<unknown>) => void): void
}

/** What `framework.js` leaves in the frame. */
type FrameWindow = Window & typeof globalThis & { weixinFramework?: Realm['adapter'] }

const PAGE = `<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>小程序</title>
<link rel="stylesheet" href="playground/phone.css"><script src="playground/framework.js"></script><body></body></html>`

/** Loads `frame` anew: a cold start has a JavaScript world that nothing has touched. */
export async function loadPhoneFrame(frame: HTMLIFrameElement, now: () => number): Promise<PhoneFrame> {
  await new Promise((resolve) => {
    frame.addEventListener('load', resolve, { once: true })
    frame.srcdoc = PAGE
  })
  const inside = frame.contentWindow as FrameWindow
  const adapter = inside.weixinFramework
  if (!adapter) throw new Error('the framework of the phone did not load')
  // Taken before the app's own globals replace them.
  const { Function: compileFunction, Promise: FramePromise } = inside
  const hidden = ownGlobalsOf(inside)
  const prelude = compileFunction(`return ${REALM_PRELUDE}`)() as (now: () => number) => void
  prelude(now)

  const realm: Realm = {
    adapter,
    Promise: FramePromise,
    compile(body, params, filename) {
      // What a browser has and WeChat has not is `undefined` for the app, as on a phone.
      const shadows = hidden.filter((name) => !params.includes(name))
      const make = compileFunction(...params, ...shadows, `${body}\n//# sourceURL=${filename}`)
      return (...args) => (make as (...args: unknown[]) => unknown)(...args)
    },
    defineGlobals(globals) {
      for (const [name, value] of Object.entries(globals)) {
        Object.defineProperty(inside, name, { value, writable: true, configurable: true })
        const index = hidden.indexOf(name)
        if (index >= 0) hidden.splice(index, 1)
      }
    },
  }
  return {
    realm,
    document: inside.document,
    onRejection(listener) {
      inside.addEventListener('unhandledrejection', (event) => {
        event.preventDefault()
        listener(event.reason, event.promise)
      })
    },
  }
}

/** The globals of a browser's window that JavaScript itself does not have. */
function ownGlobalsOf(inside: FrameWindow): string[] {
  const names = new Set<string>()
  for (let at: object | null = inside; at; at = Object.getPrototypeOf(at)) {
    for (const name of Object.getOwnPropertyNames(at)) names.add(name)
  }
  return [...names].filter((name) => /^[A-Za-z_$][\w$]*$/.test(name) && !OF_JAVASCRIPT.has(name))
}

const OF_JAVASCRIPT = new Set(
  (
    'constructor Object Function Array Number parseFloat parseInt Infinity NaN undefined Boolean String Symbol Date ' +
    'Promise RegExp Error AggregateError EvalError RangeError ReferenceError SyntaxError TypeError URIError globalThis ' +
    'JSON Math Intl ArrayBuffer Uint8Array Int8Array Uint16Array Int16Array Uint32Array Int32Array Float32Array ' +
    'Float64Array Uint8ClampedArray BigUint64Array BigInt64Array DataView Map BigInt Set WeakMap WeakSet WeakRef Proxy ' +
    'Reflect FinalizationRegistry Iterator decodeURI decodeURIComponent encodeURI encodeURIComponent escape unescape ' +
    'eval isFinite isNaN console hasOwnProperty isPrototypeOf propertyIsEnumerable toString valueOf toLocaleString'
  ).split(' '),
)
