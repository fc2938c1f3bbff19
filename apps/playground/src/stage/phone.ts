import { type ReadonlySignal, signal } from '@preact/signals'
import {
  createClock,
  createDevice,
  type Device,
  httpTransport,
  type Ledger,
  type RunningApp,
  readAppPackage,
  remoteLink,
  runApp,
  type Transport,
} from '@weapp-auth/emulator/browser'
import type { BuiltApp } from './built-app.ts'
import { loadPhoneFrame } from './frame-realm.ts'
import { listenToTouches, phoneDocument } from './phone-elements.ts'

/** Says which phone a request comes from, so that what the service does for it can be told from the rest. */
const PHONE_HEADER = 'x-emulator-phone'

/** What the phone draws around the app's page. */
export interface Chrome {
  path: string
  /** Pages under this one can be gone back to. */
  depth: number
  toast: string
}

/** A phone as the page draws it. */
export interface ShownPhone {
  readonly name: string
  readonly app: Pick<BuiltApp, 'tabs' | 'titles'>
  readonly chrome: ReadonlySignal<Chrome>
  /** The app that runs; null until the first start, while one is under way, and where a recording is played. */
  running(): RunningApp | null
  /** Where the app is drawn; a start waits for it. */
  attach(frame: HTMLIFrameElement): void
}

/** One phone on the page: an emulated device, and the frame its app is drawn into. */
export interface Phone extends ShownPhone {
  readonly device: Device
  readonly app: BuiltApp
  /** A cold start: the app is closed and opened again, its storage stays. Resolves when its first page is open. */
  restart(): Promise<void>
  close(): Promise<void>
}

export interface PhoneOptions {
  name: string
  /** Who is signed in to WeChat on it. */
  user: string
  appid: string
  app: BuiltApp
  ledger: Ledger
  /** What time it is at WeChat: an earlier visitor of the page may have let time pass. */
  nowMs: number
}

const TOAST_MS = 2_000

export function createStagePhone({ name, user, appid, app, ledger, nowMs }: PhoneOptions): Phone {
  const send: Transport = (request) =>
    httpTransport({ ...request, header: { ...request.header, [PHONE_HEADER]: name } })
  const device = createDevice({
    link: remoteLink(`${location.origin}/emulator`),
    appid,
    user,
    name,
    ledger,
    clock: createClock({ startMs: nowMs }),
    bodies: true,
    send,
    // The address that the app was built for is this page's own service.
    resolve: (url) => new URL(url.pathname + url.search, location.origin),
  })
  const chrome = signal<Chrome>({ path: '', depth: 1, toast: '' })
  let attach: (frame: HTMLIFrameElement) => void = () => {}
  const frameAttached = new Promise<HTMLIFrameElement>((resolve) => {
    attach = resolve
  })
  let running: RunningApp | null = null
  let toastTimer = 0

  const stopListening = ledger.onEntry((entry) => {
    if (entry.device !== name || entry.event !== 'ui.toast') return
    window.clearTimeout(toastTimer)
    chrome.value = { ...chrome.value, toast: String(entry.title ?? '') }
    toastTimer = window.setTimeout(() => {
      chrome.value = { ...chrome.value, toast: '' }
    }, TOAST_MS)
  })

  async function start(): Promise<void> {
    const frame = await frameAttached
    await running?.close()
    running = null
    const { realm, document, onRejection } = await loadPhoneFrame(frame, device.clock.now)
    onRejection((reason, promise) => device.reportRejection(reason, promise))
    const style = document.head.appendChild(document.createElement('style'))
    running = await runApp({
      app: readAppPackage({ read: (path) => app.files[path] ?? null }),
      templates: app.templates,
      realm,
      document: phoneDocument(document, device.files.read),
      device,
      console: SILENT,
      onPageShown({ path, depth }) {
        style.textContent = `${app.styles.app ?? ''}\n${app.styles[path] ?? ''}`
        chrome.value = { ...chrome.value, path, depth }
      },
    })
    listenToTouches(document, running, (error) => console.warn(error))
  }

  // One start at a time: a second one waits for the first.
  let starting = Promise.resolve()
  function restart(): Promise<void> {
    starting = starting.then(start, start)
    return starting
  }

  return {
    name,
    device,
    app,
    chrome,
    running: () => running,
    attach: (element) => attach(element),
    restart,
    async close() {
      stopListening()
      await running?.close()
    },
  }
}

/** What the app logs is not part of the picture; its errors are entries of the ledger. */
const SILENT = { log() {}, info() {}, debug() {}, warn() {}, error() {} }
