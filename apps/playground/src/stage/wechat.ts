import type { LedgerDetail, LedgerEntry } from '@weapp-auth/emulator/browser'

/** What happens to a store when it is switched. */
export type StoreMode = 'up' | 'down' | 'slow'

/** WeChat and the service, as the demonstration lets them be driven: `/emulator`. */
export interface Backstage {
  appid: string
  nowMs: number
  /** Lets time pass on the server's side. */
  advance(ms: number): Promise<void>
  setFault(point: string, fault: object): Promise<void>
  clearFaults(point?: string): Promise<void>
  /** WeChat forgets the user's session_key, as it does after days without use. */
  expireSessionKey(user: string): Promise<void>
  setStore(name: 'sessions' | 'users', mode: StoreMode): Promise<void>
  /** Calls back for everything that happens from now on, in order. */
  listen(listener: (entry: LedgerEntry, phase: 'begun' | 'ended') => void): () => void
}

export async function openBackstage(): Promise<Backstage> {
  const world = await call('/world')
  const appid = String((world.apps as unknown[])[0])

  return {
    appid,
    nowMs: Number(world.nowMs),
    advance: async (advanceMs) => void (await call('/clock', { advanceMs })),
    setFault: async (point, fault) => void (await call('/faults', { point, ...fault })),
    clearFaults: async (point) => {
      await fetch(`emulator/faults${point ? `?point=${point}` : ''}`, { method: 'DELETE' })
    },
    expireSessionKey: async (user) => void (await call('/session-key/expire', { user, appid })),
    setStore: async (store, mode) => void (await call('/stores', { store, mode })),
    listen(listener) {
      const source = new EventSource('emulator/ledger/stream')
      for (const phase of ['begun', 'ended'] as const) {
        source.addEventListener(phase, ({ data }) => listener(JSON.parse(data) as LedgerEntry & LedgerDetail, phase))
      }
      return () => source.close()
    },
  }
}

async function call(path: string, body?: object): Promise<Record<string, unknown>> {
  const response = await fetch(`emulator${path}`, {
    ...(body && { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  })
  const answer = (await response.json()) as Record<string, unknown>
  if (!response.ok) throw new Error(`/emulator${path}: ${answer.error ?? response.status}`)
  return answer
}
