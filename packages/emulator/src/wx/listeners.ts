import type { AppThread } from './app-thread.ts'

/** The listeners of one `wx.on…`/`wx.off…` pair; `off()` without a listener removes all. */
export interface Listeners<Event> {
  on(listener: (event: Event) => void): void
  off(listener?: (event: Event) => void): void
  emit(event: Event): void
  clear(): void
}

export function createListeners<Event>(thread: Pick<AppThread, 'run'>): Listeners<Event> {
  const listeners = new Set<(event: Event) => void>()

  return {
    on(listener) {
      if (typeof listener === 'function') listeners.add(listener)
    },
    off(listener) {
      if (listener) listeners.delete(listener)
      else listeners.clear()
    },
    emit(event) {
      for (const listener of [...listeners]) thread.run(() => listener(event))
    },
    clear: () => listeners.clear(),
  }
}
