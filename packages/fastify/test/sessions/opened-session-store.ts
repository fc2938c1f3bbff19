import { randomUUID } from 'node:crypto'
import type { SessionStore } from '../../src/index.ts'
import { bucketOf } from '../../src/sessions/token.ts'

export interface OpenedSessionStore {
  store: SessionStore
  /** Makes the store fail from now on. */
  breakDown(): Promise<void>
}

/** Another user whose sessions lie in the same bucket. */
export function neighbourOf(userId: string): string {
  for (;;) {
    const neighbour = randomUUID()
    if (bucketOf(neighbour) === bucketOf(userId)) return neighbour
  }
}
