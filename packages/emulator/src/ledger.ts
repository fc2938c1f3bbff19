/** What an entry may say besides its event. Secrets appear as aliases only, see `Ledger.alias`. */
export type LedgerDetail = Record<string, string | number | boolean | null | undefined>

export interface LedgerEvent {
  side: 'device' | 'wechat' | 'control'
  /** The phone's name, on the device side. */
  device?: string
  event: string
}

export type LedgerEntry = LedgerEvent & { seq: number; atMs: number } & LedgerDetail

export type SecretKind = 'code' | 'token' | 'key' | 'accessToken'

/**
 * The append-only record of what happened on both sides: the proof of "this code was sent once".
 * It holds no secret.
 */
export interface Ledger {
  add(entry: LedgerEvent & LedgerDetail): LedgerEntry
  entries(): readonly LedgerEntry[]
  /**
   * A short name for a secret, the same one for the same value: `c1` a code, `#1` a token, `k1` a session key, `a1` an
   * access_token.
   *
   * @param known the name another ledger gave it already, so that the two can be read side by side
   */
  alias(kind: SecretKind, value: string, known?: string): string
  /** `text` with every secret that has an alias replaced by it. */
  redact(text: string): string
  /** Calls `listener` for each new entry; returns what ends that. */
  onEntry(listener: (entry: LedgerEntry) => void): () => void
  /** How many entries have this event and, where given, these details. */
  count(event: string, where?: LedgerDetail): number
}

const PREFIX: Record<SecretKind, string> = { code: 'c', token: '#', key: 'k', accessToken: 'a' }

export function createLedger(): Ledger {
  const entries: LedgerEntry[] = []
  const listeners = new Set<(entry: LedgerEntry) => void>()
  const lastNumber: Record<SecretKind, number> = { code: 0, token: 0, key: 0, accessToken: 0 }
  const aliases: Record<SecretKind, Map<string, string>> = {
    code: new Map(),
    token: new Map(),
    key: new Map(),
    accessToken: new Map(),
  }

  return {
    add(entry) {
      // The wall clock, not a clock under test: two ledgers are merged by it.
      const added = { ...entry, seq: entries.length + 1, atMs: Date.now() }
      entries.push(added)
      for (const listener of listeners) listener(added)
      return added
    },
    entries: () => entries,
    alias(kind, value, known) {
      const named = aliases[kind]
      const alias = named.get(value) ?? known ?? `${PREFIX[kind]}${lastNumber[kind] + 1}`
      named.set(value, alias)
      // A name that was taken over is not given out again.
      lastNumber[kind] = Math.max(lastNumber[kind], Number(alias.slice(1)) || 0)
      return alias
    },
    redact(text) {
      let redacted = text
      for (const named of Object.values(aliases)) {
        for (const [value, alias] of named) if (value !== '') redacted = redacted.replaceAll(value, alias)
      }
      return redacted
    },
    onEntry(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    count(event, where = {}) {
      const details = Object.entries(where)
      return entries.filter((entry) => entry.event === event && details.every(([name, value]) => entry[name] === value))
        .length
    },
  }
}
