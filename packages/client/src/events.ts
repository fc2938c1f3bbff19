/** Handlers by event. They run later, outside whatever is going on, so that one may call the package again. */
export interface Events<Map> {
  on<Name extends keyof Map>(name: Name, handler: (detail: Map[Name]) => unknown): () => void
  emit<Name extends keyof Map>(name: Name, detail: Map[Name]): void
}

export function createEvents<Map>(names: readonly (keyof Map)[], log: (message: string) => void): Events<Map> {
  const handlers: { name: keyof Map; handler: (detail: never) => unknown }[] = []

  return {
    on(name, handler) {
      if (names.indexOf(name) < 0 || typeof handler !== 'function') {
        throw new TypeError(`on() takes one of ${names.join(', ')} and a function`)
      }
      const entry = { name, handler }
      handlers.push(entry)
      return () => {
        const at = handlers.indexOf(entry)
        if (at >= 0) handlers.splice(at, 1)
      }
    },

    emit(name, detail) {
      log(String(name))
      for (const entry of handlers.slice()) {
        if (entry.name !== name) continue
        Promise.resolve()
          .then(() => entry.handler(detail as never))
          .catch(() => log(`a handler of "${String(name)}" threw`))
      }
    },
  }
}
