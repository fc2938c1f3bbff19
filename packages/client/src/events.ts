type Handler = (detail: never) => unknown

/** Handlers by event. */
export interface Events<Details> {
  on<Name extends keyof Details>(name: Name, handler: (detail: Details[Name]) => unknown): () => void
  /** Calls the handlers later, each by itself: one may call the package again, and what one throws reaches `App.onError`. */
  emit<Name extends keyof Details>(name: Name, detail: Details[Name]): void
}

export function createEvents<Details>(handlers: Record<keyof Details, Handler[]>): Events<Details> {
  return {
    on(name, handler) {
      if (!handlers[name]) throw new TypeError(`on() knows ${Object.keys(handlers).join(', ')}`)
      handlers[name].push(handler)
      return () => {
        handlers[name] = handlers[name].filter((other) => other !== handler)
      }
    },

    emit(name, detail) {
      for (const handler of handlers[name]) setTimeout(() => handler(detail as never), 0)
    },
  }
}
