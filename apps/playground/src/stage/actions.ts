import type { Fault, FaultPoint } from '@weapp-auth/emulator/browser'
import type { Phone, ShownPhone } from './phone.ts'
import type { Backstage, StoreMode } from './wechat.ts'

/** The phones of a story: A has our code, B is the same user's other phone. */
export type PhoneName = 'A' | 'B'

/** One thing somebody does: on a phone, at WeChat, or to the service. Data, so that it can be played and written down. */
export type Action =
  /** A cold start of the mini-program. */
  | { do: 'open'; phone: PhoneName }
  /** Waits until `target` is on the screen. */
  | { do: 'tap'; phone: PhoneName; target: string }
  | { do: 'input'; phone: PhoneName; target: string; value: string }
  | { do: 'refresh'; phone: PhoneName }
  | { do: 'tab'; phone: PhoneName; page: string }
  /** So many requests of the app at once. `waits: false`: the story goes on before they are answered. */
  | { do: 'requests'; phone: PhoneName; count: number; url?: string; waits?: boolean }
  | { do: 'sign-out-others'; phone: PhoneName }
  | { do: 'ensure-session-key'; phone: PhoneName }
  | { do: 'hide'; phone: PhoneName }
  | { do: 'show'; phone: PhoneName }
  | { do: 'network'; phone: PhoneName; online: boolean }
  | { do: 'clear-storage'; phone: PhoneName }
  | { do: 'phone-fault'; phone: PhoneName; point: FaultPoint; fault: Fault }
  | { do: 'phone-fault-off'; phone: PhoneName; point: FaultPoint }
  | { do: 'wechat-fault'; point: string; fault: Fault }
  | { do: 'wechat-fault-off'; point: string }
  | { do: 'expire-session-key'; phone: PhoneName }
  | { do: 'store'; store: 'sessions' | 'users'; mode: StoreMode }
  /** Time passes; where nothing is said, for everybody. */
  | { do: 'time'; ms: number; where?: 'phone' | 'server' }
  /** Real time, in which what is under way goes on. */
  | { do: 'wait'; ms: number }

/** What actions act on. */
export interface Cast {
  backstage: Backstage
  /** The phones that do what phone `name` does: one, or with the tutorial's code beside it two. Opened where needed. */
  phones(name: PhoneName): readonly Phone[]
  /** Every phone that is there. */
  everybody(): readonly Phone[]
}

/** What the mini-program calls. Both versions of its `auth.ts` have these. */
export interface AppAuth {
  request(options: object): Promise<{ statusCode: number; data: unknown }>
  ensureSessionKey?(): Promise<void>
  getSession?(): { user: { isNew?: boolean } } | null
}

export async function perform(action: Action, cast: Cast): Promise<void> {
  const { backstage } = cast
  if ('phone' in action) {
    const [ours, ...theirs] = [...cast.phones(action.phone)].reverse()
    const others = theirs.map((phone) =>
      // Beside ours, the tutorial's app may have no such button: it still waits, or shows something else.
      performOn(phone, action, backstage).catch((error: unknown) => console.debug(phone.name, error)),
    )
    if (ours) await performOn(ours, action, backstage)
    await Promise.race([Promise.all(others), wait(LONGEST_WAIT_FOR_OTHERS_MS)])
    return
  }
  switch (action.do) {
    case 'wechat-fault':
      return backstage.setFault(action.point, action.fault)
    case 'wechat-fault-off':
      return backstage.clearFaults(action.point)
    case 'store':
      return backstage.setStore(action.store, action.mode)
    case 'time':
      if (action.where !== 'phone') await backstage.advance(action.ms)
      if (action.where !== 'server') await Promise.all(cast.everybody().map((phone) => passTime(phone, action.ms)))
      return
    case 'wait':
      await wait(action.ms)
  }
}

/** Longer ones are time in which the app was not in use. */
const LONGEST_STEPPED_MS = 60_000

/** Short spans pass in steps, as on a phone in use: to an app, a jump of the clock is time in the background. */
async function passTime({ device }: Phone, ms: number): Promise<void> {
  if (ms > LONGEST_STEPPED_MS) return device.advance(ms)
  device.ledger.add({ side: 'control', device: device.name, event: 'clock.advance', clock: device.name, ms })
  for (let leftMs = ms; leftMs > 0; leftMs -= 1_000) {
    device.clock.advance(Math.min(leftMs, 1_000))
    await wait(0)
  }
}

/** What is tapped comes with an answer, which may take its time on a busy machine. */
export const LONGEST_WAIT_FOR_TARGET_MS = 20_000

/** Their requests may never end. */
const LONGEST_WAIT_FOR_OTHERS_MS = 4_000

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}

async function performOn(
  phone: Phone,
  action: Extract<Action, { phone: PhoneName }>,
  backstage: Backstage,
): Promise<void> {
  const { device } = phone
  switch (action.do) {
    case 'open':
      return phone.restart()
    case 'network':
      device.ledger.add({ side: 'control', device: device.name, event: 'network', online: action.online })
      device.network.setOnline(action.online)
      return
    case 'clear-storage':
      device.storage.clear()
      device.record('wx.clearStorage', { key: 'all of it' })
      return
    case 'phone-fault':
      device.faults.set(action.point, action.fault)
      return
    case 'phone-fault-off':
      device.faults.clear(action.point)
      return
    case 'expire-session-key':
      return backstage.expireSessionKey(device.user)
  }
  const app = phone.running()
  if (!app) throw new Error(`phone ${phone.name} is not open`)
  switch (action.do) {
    case 'tap':
      await app.waitFor(action.target, { timeoutMs: LONGEST_WAIT_FOR_TARGET_MS })
      return app.tap(action.target)
    case 'input':
      return app.input(action.target, action.value)
    case 'refresh':
      return app.pullDownRefresh()
    case 'tab':
      return app.switchTab(action.page)
    case 'requests':
      return sendRequests(phone, action)
    case 'sign-out-others':
      await authOf(phone).request({ url: '/v1/sessions?scope=others', method: 'DELETE' })
      return
    case 'ensure-session-key':
      return authOf(phone).ensureSessionKey?.()
    case 'hide':
      return app.hide()
    case 'show':
      device.record('app.resume')
      return app.show()
  }
}

/** Calls the app's own `auth` as a page does; the ledger has how many there were and how they ended. */
function sendRequests(phone: Phone, { count, url = '/products', waits = true }: Extract<Action, { do: 'requests' }>) {
  const { device } = phone
  const auth = authOf(phone)
  const send = async () => {
    const begun = device.ledger.begin({ side: 'device', device: device.name, event: 'app.request', url })
    try {
      const { statusCode } = await auth.request({ url })
      device.record('app.request', { ...begun, url, ok: statusCode < 400, statusCode })
    } catch (error) {
      const { code, errMsg } = Object(error) as { code?: unknown; errMsg?: unknown }
      device.record('app.request', { ...begun, url, ok: false, errMsg: String(code ?? errMsg ?? error) })
    }
  }
  const all = Promise.all(Array.from({ length: count }, send))
  return waits ? all.then(() => {}) : Promise.resolve()
}

export function authOf(phone: ShownPhone): AppAuth {
  const app = phone.running()
  if (!app) throw new Error(`phone ${phone.name} is not open`)
  return (app.module('auth') as { auth: AppAuth }).auth
}
