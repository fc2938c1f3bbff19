/** What `wx.navigateTo` puts between the opening and the opened page. */
export interface EventChannel {
  on(event: string, listener: (...args: unknown[]) => void): void
  once(event: string, listener: (...args: unknown[]) => void): void
  off(event: string, listener?: (...args: unknown[]) => void): void
  emit(event: string, ...args: unknown[]): void
}

export function createEventChannel(listeners: Record<string, (...args: unknown[]) => void> = {}): EventChannel {
  const byEvent = new Map<string, ((...args: unknown[]) => void)[]>()

  const channel: EventChannel = {
    on(event, listener) {
      if (typeof listener !== 'function') return
      byEvent.set(event, [...(byEvent.get(event) ?? []), listener])
    },
    once(event, listener) {
      const onlyOnce = (...args: unknown[]) => {
        channel.off(event, onlyOnce)
        listener(...args)
      }
      if (typeof listener === 'function') channel.on(event, onlyOnce)
    },
    off(event, listener) {
      byEvent.set(event, listener ? (byEvent.get(event) ?? []).filter((known) => known !== listener) : [])
    },
    emit(event, ...args) {
      for (const listener of byEvent.get(event) ?? []) listener(...args)
    },
  }
  for (const [event, listener] of Object.entries(listeners)) channel.on(event, listener)
  return channel
}
