import { type Callbacks, callEitherStyle } from './api-call.ts'
import type { DeviceContext } from './context.ts'
import { createListeners } from './listeners.ts'

/** The version of the mini-program that waits on the phone to be used. */
export interface AppUpdate {
  /** Whether there is a newer version: `ready` is downloaded, `failed` could not be. Default `none`. */
  state: 'none' | 'ready' | 'failed'
}

/** What programs ask for when they start: updates, and the data of a mini-program made from a template. */
export function createAppServices({ thread, record }: DeviceContext, extConfig: object) {
  const update: AppUpdate = { state: 'none' }

  /** Tells of the update once somebody listens, as WeChat does after a start. */
  function getUpdateManager() {
    const tell = (happens: boolean, listener: (() => void) | undefined) => {
      if (happens && typeof listener === 'function') thread.post(listener)
    }
    return {
      onCheckForUpdate(listener: (result: { hasUpdate: boolean }) => void) {
        tell(typeof listener === 'function', () => listener({ hasUpdate: update.state !== 'none' }))
      },
      onUpdateReady: (listener: () => void) => tell(update.state === 'ready', listener),
      onUpdateFailed: (listener: () => void) => tell(update.state === 'failed', listener),
      /** A phone restarts the app here; the ledger says that it would. */
      applyUpdate: () => record('app.applyUpdate'),
    }
  }

  const api = {
    getUpdateManager,
    getExtConfigSync: (): object => structuredClone(extConfig),
    getExtConfig: (options: Callbacks<{ extConfig: object }> = {}) =>
      callEitherStyle(thread, 'getExtConfig', options, () => ({ extConfig: structuredClone(extConfig) })),
  }
  return { api, update }
}

/**
 * `wx.createCacheManager`: on a weak network (offline, or 2g) `wx.login` and `wx.checkSession` answer from the phone's cache,
 * with `fromCache`. Requests are not cached: of its rules nothing comes.
 *
 * @see https://developers.weixin.qq.com/miniprogram/dev/api/storage/cachemanager/wx.createCacheManager.html
 */
export function createCacheManagers({ thread, network }: Pick<DeviceContext, 'thread' | 'network'>) {
  const running = new Set<object>()

  function createCacheManager(options: { mode?: 'weakNetwork' | 'always' | 'none' } = {}) {
    const { mode = 'weakNetwork' } = options
    const rules = new Map<string, unknown>()
    const weak = createListeners<void>(thread)
    const strong = createListeners<void>(thread)
    const manager = {
      mode,
      /** 0 is off, 1 on and the network good, 2 on and the network weak. */
      get state() {
        if (!running.has(manager)) return 0
        return network.isWeak ? 2 : 1
      },
      start: () => void running.add(manager),
      stop: () => void running.delete(manager),
      addRule(rule: unknown): string {
        const id = `rule-${rules.size + 1}`
        rules.set(id, rule)
        return id
      },
      addRules: (more: unknown[]): string[] => more.map((rule) => manager.addRule(rule)),
      deleteRule: (id: string) => void rules.delete(id),
      deleteRules: (ids: string[]) => ids.forEach((id) => void rules.delete(id)),
      clearRules: () => rules.clear(),
      clearCaches() {},
      deleteCache() {},
      deleteCaches() {},
      match: () => null,
      on(event: string, listener: () => void) {
        if (event === 'enterWeakNetwork') weak.on(listener)
        if (event === 'exitWeakNetwork') strong.on(listener)
      },
      off(event: string, listener?: () => void) {
        if (event === 'enterWeakNetwork') weak.off(listener)
        if (event === 'exitWeakNetwork') strong.off(listener)
      },
    }
    network.onWeak((isWeak) => running.has(manager) && thread.post(() => (isWeak ? weak : strong).emit()))
    // It works from the start, unless its mode is `none`.
    if (mode !== 'none') running.add(manager)
    return manager
  }

  return {
    api: { createCacheManager },
    /** Whether a login is answered from the cache. */
    answersLogin: () => running.size > 0 && network.isWeak,
    clear: () => running.clear(),
  }
}
