// What has to be done before anything is measured, on a machine that may be busy with something else.
import { setTimeout as sleep } from 'node:timers/promises'

const GIVE_UP_MS = 120_000
const AGAIN_MS = 1_000

/** Does it again, once a second for two minutes, until it succeeds: a busy machine refuses some, or is too late. */
export async function patiently<T>(act: () => Promise<T>): Promise<T> {
  const startMs = performance.now()
  for (;;) {
    try {
      return await act()
    } catch (error) {
      if (performance.now() - startMs > GIVE_UP_MS) throw error
      await sleep(AGAIN_MS)
    }
  }
}
