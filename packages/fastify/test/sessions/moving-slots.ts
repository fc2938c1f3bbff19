import type { Redis } from 'ioredis'

/** Scripts of several keys: Redis refuses them while the slot of these keys moves. */
const OF_SEVERAL_KEYS = /^weappAuth(Create|Touch|End|Rewrite)$/

/** A client that finds every slot moving, without a cluster. */
export function whileSlotsMove(redis: Redis): Redis {
  return new Proxy(redis, {
    get(target, name) {
      const value = Reflect.get(target, name)
      if (typeof value !== 'function') return value
      if (!OF_SEVERAL_KEYS.test(String(name))) return value.bind(target)
      return async (count: number, ...rest: unknown[]) => {
        if (count > 1) throw new Error('TRYAGAIN Multiple keys request during rehashing of slot')
        return value.call(target, count, ...rest)
      }
    },
  })
}
