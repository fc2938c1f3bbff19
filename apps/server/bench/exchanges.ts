// The codes that an emulated WeChat is asked about.
import type { World } from '@weapp-auth/emulator'

export interface Exchanges {
  total(): number
  /** How many of each user there were since the last call. */
  takeByUser(): number[]
}

/** Counts as they happen: the ledger keeps its newest entries only, and ten thousand phones write more. */
export function countExchanges({ ledger }: World): Exchanges {
  const userOf = new Map<unknown, unknown>()
  let byUser = new Map<unknown, number>()
  let total = 0
  ledger.onEntry(({ event, code, user }) => {
    if (event === 'code.issued') userOf.set(code, user)
    if (event !== 'jscode2session') return
    total++
    byUser.set(userOf.get(code), (byUser.get(userOf.get(code)) ?? 0) + 1)
    userOf.delete(code)
  })
  return {
    total: () => total,
    takeByUser() {
      const counts = [...byUser.values()]
      byUser = new Map()
      return counts
    },
  }
}
