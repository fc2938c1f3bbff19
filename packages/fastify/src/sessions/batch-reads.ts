import { setImmediate } from 'node:timers/promises'

/**
 * Reads one thing by its key, together with all that is asked for in the same turn of the event loop. A command costs
 * its client an object, promises and a timer, which is more than it costs the server; a batch costs that once.
 *
 * @param readAll answers in the order of the keys; when it fails, everybody in the batch is told
 */
export function batchReads<K, V>(readAll: (keys: K[]) => Promise<V[]>): (key: K) => Promise<V> {
  let next: { keys: K[]; values: Promise<V[]> } | null = null

  return async (key) => {
    next ??= startBatch()
    const place = next.keys.push(key) - 1
    const values = await next.values
    return values[place] as V
  }

  function startBatch() {
    const keys: K[] = []
    // Not a microtask: waits for all requests of this turn of the event loop, so that they share a batch.
    const values = setImmediate().then(() => {
      next = null
      return readAll(keys)
    })
    return { keys, values }
  }
}
