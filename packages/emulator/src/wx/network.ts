import { type Callbacks, callEitherStyle, WxFailure } from './api-call.ts'
import type { AppThread } from './app-thread.ts'
import { createListeners } from './listeners.ts'

/** What `wx.getNetworkType` answers; `none` is offline. */
export type NetworkType = 'wifi' | '2g' | '3g' | '4g' | '5g' | 'unknown' | 'none'

/** The phone's connection, as the tester sees it. */
export interface Network {
  readonly online: boolean
  setOnline(online: boolean, type?: NetworkType): void
  /** Whether it is as bad as none: offline, or 2g. */
  readonly isWeak: boolean
  /** Calls `listener` when it becomes weak, or good again. */
  onWeak(listener: (isWeak: boolean) => void): void
  /** Calls `listener` when the connection is lost. */
  onLost(listener: () => void): () => void
  /** @throws WxFailure when the phone is offline */
  assertOnline(): void
}

export interface NetworkChange {
  isConnected: boolean
  networkType: NetworkType
}

/**
 * Error numbers of the network family.
 *
 * @see https://developers.weixin.qq.com/miniprogram/dev/framework/usability/PublicErrno.html
 */
export const NETWORK_ERRNO = { timeout: 5, cronet: 600001, interrupted: 600003, invalidUrl: 600009 } as const

/** The network stack's own words inside an errMsg, in the form Android gives them. */
export function cronetFailure(code: number, name: string): WxFailure {
  return new WxFailure(`errcode:${code} cronet_error_code:${code} error_msg:net::${name}`, NETWORK_ERRNO.cronet)
}

export function createNetwork(thread: AppThread) {
  const changed = createListeners<NetworkChange>(thread)
  const lost = new Set<() => void>()
  const weak = new Set<(isWeak: boolean) => void>()
  const isWeak = (type: NetworkType) => type === 'none' || type === '2g'
  let networkType: NetworkType = 'wifi'

  const network: Network = {
    get online() {
      return networkType !== 'none'
    },
    setOnline(online, type = 'wifi') {
      const before = networkType
      networkType = online ? type : 'none'
      if (networkType === before) return
      if (!online) for (const listener of [...lost]) listener()
      if (isWeak(before) !== isWeak(networkType)) for (const listener of weak) listener(isWeak(networkType))
      const change = { isConnected: online, networkType }
      thread.post(() => changed.emit(change))
    },
    get isWeak() {
      return isWeak(networkType)
    },
    onWeak(listener) {
      weak.add(listener)
    },
    onLost(listener) {
      lost.add(listener)
      return () => lost.delete(listener)
    },
    assertOnline() {
      if (networkType === 'none') throw cronetFailure(-106, 'ERR_INTERNET_DISCONNECTED')
    },
  }

  const api = {
    getNetworkType: (options: Callbacks<{ networkType: NetworkType }> = {}) =>
      callEitherStyle(thread, 'getNetworkType', options, () => ({ networkType })),
    onNetworkStatusChange: changed.on,
    offNetworkStatusChange: changed.off,
  }

  return { network, api, clear: changed.clear }
}
