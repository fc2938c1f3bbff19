import type { LedgerDetail } from '../ledger.ts'
import { messageOf } from '../message-of.ts'
import { type Callbacks, callEitherStyle, WxFailure } from './api-call.ts'
import type { DeviceContext } from './context.ts'
import { withFault } from './device-fault.ts'

/** @see https://developers.weixin.qq.com/miniprogram/dev/api/storage/wx.setStorage.html */
const ENTRY_LIMIT_BYTES = 1024 * 1024
const TOTAL_LIMIT_BYTES = 10 * 1024 * 1024
/** Encrypted values grow by this much and count as what they become: same page, `encrypt`. */
const ENCRYPTED_GROWTH = 1.4

interface Serialised {
  type: string
  text: string
}

type Entry = Serialised & { encrypted: boolean }

/** The storage of one user's mini-program on one phone, as a tester sees it: past the API, its limits and its faults. */
export interface DeviceStorage {
  get(key: string): unknown
  set(key: string, value: unknown): void
  remove(key: string): void
  clear(): void
  keys(): string[]
}

export interface StorageInfo {
  keys: string[]
  /** In KB. */
  currentSize: number
  /** In KB. */
  limitSize: number
}

type StorageCall = 'setStorage' | 'getStorage' | 'removeStorage'

export function createStorage(context: Pick<DeviceContext, 'clock' | 'faults' | 'ledger' | 'thread' | 'record'>) {
  const { faults, ledger, thread, record } = context
  const entries = new Map<string, Entry>()

  function write(key: unknown, value: Serialised, encrypted: boolean): void {
    const name = checkKey(key)
    const entry = { ...value, encrypted }
    const size = sizeOf(name, entry)
    if (size > ENTRY_LIMIT_BYTES) throw new WxFailure(':entry size limit reached')
    const others = totalSize(entries) - sizeOf(name, entries.get(name))
    if (others + size > TOTAL_LIMIT_BYTES) throw new WxFailure(':quota reached')
    entries.set(name, entry)
  }

  /** A value is found only in the way it was stored, encrypted or plain. */
  function findEntry(key: unknown, encrypted: boolean): Entry | null {
    const entry = entries.get(checkKey(key))
    return entry?.encrypted === encrypted ? entry : null
  }

  function remove(key: unknown): void {
    entries.delete(checkKey(key))
  }

  function info(): StorageInfo {
    return {
      keys: [...entries.keys()],
      currentSize: Math.ceil(totalSize(entries) / 1024),
      limitSize: TOTAL_LIMIT_BYTES / 1024,
    }
  }

  /** One access by the app: what a fault makes of it, and the ledger's entry with its key, never its value. */
  async function access<Result extends object>(call: StorageCall, key: unknown, run: () => Result): Promise<Result> {
    const entry = openEntry(call, key)
    try {
      const result = await withFault(context, `wx.${call}`, run)
      entry.end({ ...(call === 'getStorage' && { found: true }) })
      return result
    } catch (error) {
      entry.end({ errMsg: messageOf(error) })
      throw error
    }
  }

  /** The same for the synchronous form, which throws an Error that reads like the other form's errMsg. */
  function accessSync<Result>(call: StorageCall, key: unknown, run: () => Result): Result {
    const entry = openEntry(call, key)
    try {
      const fault = faults.take(`wx.${call}`)
      if (fault?.errMsg !== undefined) throw new WxFailure(fault.errMsg)
      const result = run()
      entry.end({ sync: true, ...(call === 'getStorage' && { found: entries.has(String(key)) }) })
      return result
    } catch (error) {
      const reason = messageOf(error)
      entry.end({ sync: true, errMsg: reason })
      throw new Error(`${call}Sync:fail${reason.startsWith(':') ? '' : ' '}${reason}`)
    }
  }

  function openEntry(call: StorageCall, key: unknown) {
    const startedAtMs = Date.now()
    return {
      end: (detail: LedgerDetail) =>
        record(`wx.${call}`, { startedAtMs, ...(typeof key === 'string' && { key: ledger.redact(key) }), ...detail }),
    }
  }

  const api = {
    setStorage(options: Callbacks & { key: string; data: unknown; encrypt?: boolean }) {
      return callEitherStyle(thread, 'setStorage', options, () => {
        // Cloned at the call: what the app changes afterwards is not stored.
        const value = serialise(options.data)
        return access('setStorage', options.key, () => {
          write(options.key, value, options.encrypt === true)
          return {}
        })
      })
    },
    getStorage: (options: Callbacks<{ data: unknown }> & { key: string; encrypt?: boolean }) =>
      callEitherStyle(thread, 'getStorage', options, () =>
        access('getStorage', options.key, () => {
          const entry = findEntry(options.key, options.encrypt === true)
          if (!entry) throw new WxFailure('data not found')
          return { data: revive(entry) }
        }),
      ),
    removeStorage: (options: Callbacks & { key: string }) =>
      callEitherStyle(thread, 'removeStorage', options, () =>
        access('removeStorage', options.key, () => {
          remove(options.key)
          return {}
        }),
      ),
    clearStorage: (options: Callbacks = {}) =>
      callEitherStyle(thread, 'clearStorage', options, () => {
        entries.clear()
        record('wx.clearStorage')
        return {}
      }),
    setStorageSync: (key: string, data: unknown): void =>
      accessSync('setStorage', key, () => write(key, serialise(data), false)),
    getStorageSync: (key: string): unknown =>
      accessSync('getStorage', key, () => {
        const entry = findEntry(key, false)
        // Not undefined: the empty string is what says "nothing" here.
        return entry ? revive(entry) : ''
      }),
    removeStorageSync: (key: string): void => accessSync('removeStorage', key, () => remove(key)),
    clearStorageSync(): void {
      entries.clear()
      record('wx.clearStorage', { sync: true })
    },
    getStorageInfo: (options: Callbacks<StorageInfo> = {}) => callEitherStyle(thread, 'getStorageInfo', options, info),
    getStorageInfoSync: info,
  }

  const storage: DeviceStorage = {
    get(key) {
      const entry = entries.get(key)
      return entry && revive(entry)
    },
    set: (key, value) => void entries.set(key, { ...serialise(value), encrypted: false }),
    remove: (key) => void entries.delete(key),
    clear: () => entries.clear(),
    keys: () => [...entries.keys()],
  }

  return { api, storage }
}

function checkKey(key: unknown): string {
  if (typeof key !== 'string') {
    throw new WxFailure(`parameter error: parameter.key should be String instead of ${typeName(key)};`)
  }
  if (key === '') throw new WxFailure('parameter error: parameter.key should not be empty;')
  return key
}

/** Native storage counts a string's length, key included. */
function sizeOf(key: string, entry: Entry | undefined): number {
  if (!entry) return 0
  return key.length + Math.ceil(entry.text.length * (entry.encrypted ? ENCRYPTED_GROWTH : 1))
}

function totalSize(entries: Map<string, Entry>): number {
  let size = 0
  for (const [key, entry] of entries) size += sizeOf(key, entry)
  return size
}

/** A value becomes text and the name of its type: primitives and Date as they are, the rest as JSON makes of it. */
function serialise(value: unknown): Serialised {
  const type = typeName(value)
  switch (type) {
    case 'String':
      return { type, text: value as string }
    case 'Number':
    case 'Boolean':
    case 'Null':
    case 'Undefined':
      return { type, text: String(value) }
    case 'Date':
      return { type, text: String((value as Date).getTime()) }
    default: {
      const text: string | undefined = JSON.stringify(value)
      if (text === undefined) throw new WxFailure(`parameter error: parameter.data can not be a ${type};`)
      return { type: 'Json', text }
    }
  }
}

function revive({ type, text }: Serialised): unknown {
  switch (type) {
    case 'String':
      return text
    case 'Number':
      return Number(text)
    case 'Boolean':
      return text === 'true'
    case 'Null':
      return null
    case 'Undefined':
      return undefined
    case 'Date':
      return new Date(Number(text))
    default:
      return JSON.parse(text)
  }
}

/** By the object's own tag: values of the app come from another realm. */
function typeName(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1)
}
