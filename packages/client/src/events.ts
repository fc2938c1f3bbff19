type Handlers<Details> = { [Name in keyof Details]: ((detail: Details[Name]) => unknown)[] }

/** Events, and who listens to them. */
export interface Events<Details> {
  /** Returns a function that removes `handler`. */
  on<Name extends keyof Details>(name: Name, handler: (detail: Details[Name]) => unknown): () => void
  emit<Name extends keyof Details>(name: Name, detail: Details[Name]): void
}

/** @param handlers an empty list for each event there is */
export function createEvents<Details>(handlers: Handlers<Details>): Events<Details> {
  return {
    on(name, handler) {
      if (!handlers[name]) throw new TypeError(`on() knows ${Object.keys(handlers).join(', ')}`)
      handlers[name].push(handler)
      return () => {
        handlers[name] = handlers[name].filter((other) => other !== handler)
      }
    },

    emit(name, detail) {
      for (const handler of handlers[name]) call(handler, detail)
    },
  }
}

/** Calls `callback`. What it throws goes to `App.onError` and stops nobody else from being called. */
export function call<T>(callback: ((outcome: T) => unknown) | undefined, outcome: T): void {
  try {
    if (callback) callback(outcome)
  } catch (error) {
    setTimeout(() => {
      throw error
    }, 0)
  }
}
