import type { Ledger } from './ledger.ts'

/** The calls of WeChat's HTTP API that can go wrong. */
export const WECHAT_FAULT_POINTS = [
  'jscode2session',
  'token',
  'stable_token',
  'checksession',
  'resetusersessionkey',
  'getuserphonenumber',
  'msg_sec_check',
  'getwxacodeunlimit',
  'subscribe_send',
] as const

/** What can go wrong on a device: calls of `wx`, and the tap on a `getPhoneNumber` button. */
export const DEVICE_FAULT_POINTS = [
  'wx.login',
  'wx.checkSession',
  'getPhoneNumber',
  'wx.request',
  'wx.uploadFile',
  'wx.downloadFile',
  'wx.connectSocket',
  'wx.setStorage',
  'wx.getStorage',
  'wx.removeStorage',
] as const

/** A call that can go wrong, on either side. */
export type FaultPoint = (typeof WECHAT_FAULT_POINTS | typeof DEVICE_FAULT_POINTS)[number]

/** What goes wrong. The fields combine: `{ delayMs: 2000, status: 502 }` answers 502 after two seconds. */
export interface Fault {
  /** How many calls are hit before the fault clears itself. Default: all, until it is cleared. */
  times?: number
  /** Waits on the side's own clock first. */
  delayMs?: number
  /** Never answers; `'body'` stops in the middle of an HTTP answer's body. */
  hang?: boolean | 'body'
  /** HTTP: the connection ends with a TCP reset. */
  reset?: boolean
  /** HTTP: WeChat's error code. */
  errcode?: number
  /** HTTP and the phone's requests: the status, the body and the headers of the answer. */
  status?: number
  body?: string
  headers?: Record<string, string>
  /** HTTP: the call takes effect (the code is spent) and only its answer is lost. */
  applied?: boolean
  /** Device: why the call fails, e.g. `timeout`; the API's name and `:fail` are put in front. */
  errMsg?: string
  errno?: number
  /**
   * Device, `wx.login` and `wx.checkSession`: answers at once from the phone's cache, with `fromCache: true`, as WeChat's
   * cache manager does on a weak network. The code is the one given before, which has expired by then; where none was
   * given yet, WeChat does not know it.
   *
   * @see https://developers.weixin.qq.com/miniprogram/dev/api/storage/cachemanager/wx.createCacheManager.html
   */
  fromCache?: boolean
  /** Device, `wx.login`: the code given before once more, and nothing says so. */
  repeatCode?: boolean
}

/** The switches of one side: the world's are for its HTTP API, a device's for its `wx`. */
export interface Faults {
  /** @throws TypeError for a point this side does not have, or a field no fault has */
  set(point: FaultPoint, fault: Fault): void
  /** Clears one point, or all of them. */
  clear(point?: FaultPoint): void
  /** The fault that hits this call, or null; counts `times` down. */
  take(point: FaultPoint): Fault | null
  active(): Partial<Record<FaultPoint, Fault>>
}

const FIELDS: Record<keyof Fault, readonly string[]> = {
  times: ['number'],
  delayMs: ['number'],
  hang: ['boolean', 'string'],
  reset: ['boolean'],
  errcode: ['number'],
  status: ['number'],
  body: ['string'],
  headers: ['object'],
  applied: ['boolean'],
  errMsg: ['string'],
  errno: ['number'],
  fromCache: ['boolean'],
  repeatCode: ['boolean'],
}

/** Options of `createFaults`. */
export interface FaultsOptions {
  points: readonly FaultPoint[]
  ledger?: Ledger
}

/** The switches of one side. A device and a world make their own; a test that shares one between devices makes it here. */
export function createFaults({ points, ledger }: FaultsOptions): Faults {
  const active = new Map<FaultPoint, Fault>()

  return {
    set(point, fault) {
      checkPoint(point, points)
      checkFault(fault)
      active.set(point, { ...fault })
      ledger?.add({ side: 'control', event: 'fault.set', point, fault: Object.keys(fault).join(' ') })
    },
    clear(point) {
      if (point === undefined) active.clear()
      else active.delete(checkPoint(point, points))
      ledger?.add({ side: 'control', event: 'fault.cleared', point: point ?? 'all' })
    },
    take(point) {
      const fault = active.get(point)
      if (!fault) return null
      if (fault.times !== undefined && --fault.times <= 0) active.delete(point)
      return fault
    },
    active: () => Object.fromEntries(active),
  }
}

function checkPoint(point: FaultPoint, points: readonly FaultPoint[]): FaultPoint {
  if (!points.includes(point)) throw new TypeError(`there is no fault point "${point}" here, only ${points.join(', ')}`)
  return point
}

function checkFault(fault: Fault): void {
  const fields = Object.entries(fault ?? {})
  if (fields.length === 0) throw new TypeError(`a fault says what goes wrong: ${Object.keys(FIELDS).join(', ')}`)
  for (const [name, value] of fields) {
    const types = FIELDS[name as keyof Fault]
    if (!types) throw new TypeError(`a fault has no "${name}"; it has: ${Object.keys(FIELDS).join(', ')}`)
    if (name === 'times' && !(Number(value) >= 1)) throw new TypeError('fault.times must be at least 1')
    if (!types.includes(typeof value) || Number.isNaN(value))
      throw new TypeError(`fault.${name} must be a ${types.join(' or ')}`)
  }
}
