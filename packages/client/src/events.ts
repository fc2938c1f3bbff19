type Handler = (detail: never) => unknown

/** Handlers by event. */
export interface Events<Details> {
  /** Returns what takes `handler` off again. */
  on<Name extends keyof Details>(name: Name, handler: (detail: Details[Name]) => unknown): () => void
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
      for (const handler of handlers[name]) call(handler, detail as never)
    },
  }
}

/** What a callback throws reaches `App.onError`, and keeps nobody else from being called. */
export function call<T>(callback: ((outcome: T) => unknown) | undefined, outcome: T): void {
  try {
    if (callback) callback(outcome)
  } catch (error) {
    setTimeout(() => {
      throw error
    }, 0)
  }
}
