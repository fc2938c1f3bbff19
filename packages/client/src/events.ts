type Handler = (detail: never) => unknown

/** Handlers by event. They run later, outside whatever is going on, so that one may call the package again. */
export interface Events<Details> {
  on<Name extends keyof Details>(name: Name, handler: (detail: Details[Name]) => unknown): () => void
  emit<Name extends keyof Details>(name: Name, detail: Details[Name]): void
}

export function createEvents<Details>(
  handlers: Record<keyof Details, Handler[]>,
  log: (message: string) => void,
): Events<Details> {
  return {
    on(name, handler) {
      if (!handlers[name]) throw new TypeError(`on() knows ${Object.keys(handlers).join(', ')}`)
      handlers[name].push(handler)
      return () => {
        handlers[name] = handlers[name].filter((other) => other !== handler)
      }
    },

    emit(name, detail) {
      log(String(name))
      for (const handler of handlers[name]) {
        Promise.resolve(detail as never)
          .then(handler)
          .catch(() => log('a handler threw'))
      }
    },
  }
}
