import { createAliases, type SecretKind } from './aliases.ts'

export type { SecretKind } from './aliases.ts'

/** What an entry may say besides its event. Secrets appear as aliases only, see `Ledger.alias`. */
export type LedgerDetail = Record<string, string | number | boolean | null | undefined>

/** One event before the ledger has numbered it. */
export interface LedgerEvent {
  /** Who did it: a phone, WeChat's servers, the service under test as far as it tells, or the person who controls it all. */
  side: 'device' | 'wechat' | 'service' | 'control'
  /** The phone's name, on the device side. */
  device?: string
  event: string
  /** When it began, for what takes time: a call of `wx`, an answer of WeChat. Milliseconds since 1970, as `atMs`. */
  startedAtMs?: number
  /** Of a call that was announced when it began: the same number in both, see `Ledger.begin`. */
  call?: number
}

/** A call that has begun, and has no entry yet. */
export type LedgerStart = LedgerEvent & { call: number; startedAtMs: number } & LedgerDetail

/** One line of the record: `seq` counts from 1, `atMs` is the real time at which the event ended. */
export type LedgerEntry = LedgerEvent & { seq: number; atMs: number } & LedgerDetail

/**
 * The record of what happened on both sides: the proof of "this code was sent once". It holds no secret. It keeps the
 * newest entries up to its limit, so that an emulator that runs for weeks does not fill its memory.
 */
export interface Ledger {
  add(entry: LedgerEvent & LedgerDetail): LedgerEntry
  /**
   * Announces a call that takes time, to those who watch: a call that never ends has no entry. Answers what its entry
   * repeats.
   */
  begin(event: LedgerEvent & LedgerDetail): Pick<LedgerStart, 'call' | 'startedAtMs'>
  entries(): readonly LedgerEntry[]
  /** How many of the oldest entries were dropped; above 0, `count` sees a part of the story only. */
  readonly dropped: number
  /**
   * A short name for a secret, the same one for the same value: `c1` a code, `#1` a token, `k1` a session key, `a1` an
   * access_token, `p1` a phone code.
   *
   * @param known the name another ledger gave it already, so that the two can be read side by side
   */
  alias(kind: SecretKind, value: string, known?: string): string
  /** `text` with every secret that has an alias replaced by it. */
  redact(text: string): string
  /** The names of the secrets that `text` holds. */
  secretsIn(text: string): { kind: SecretKind; alias: string }[]
  /** Calls `listener` for each new entry; returns a function that removes the listener. */
  onEntry(listener: (entry: LedgerEntry) => void): () => void
  /** The same for calls that begin. */
  onBegin(listener: (start: LedgerStart) => void): () => void
  /** How many entries have this event and, where given, these details. */
  count(event: string, where?: LedgerDetail): number
}

/** Options of `createLedger`. */
export interface LedgerOptions {
  /** How many entries, and how many aliases of each kind, are kept. Default 100 000. */
  limit?: number
}

/** An empty ledger. A device takes its world's unless it is given one. */
export function createLedger({ limit = 100_000 }: LedgerOptions = {}): Ledger {
  if (!(limit >= 1)) throw new RangeError('limit must be at least 1 entry')
  const entries: LedgerEntry[] = []
  let added = 0
  let calls = 0
  const listeners = new Set<(entry: LedgerEntry) => void>()
  const beginListeners = new Set<(start: LedgerStart) => void>()
  const aliases = createAliases(limit)

  return {
    add(entry) {
      // The wall clock, not a clock under test: two ledgers are merged by it.
      const numbered = { ...entry, seq: ++added, atMs: Date.now() }
      entries.push(numbered)
      // A tenth at once: removing the first element of a long array moves all the others.
      if (entries.length > limit) entries.splice(0, Math.max(1, Math.floor(limit / 10)))
      for (const listener of listeners) listener(numbered)
      return numbered
    },
    begin(event) {
      const begun = { call: ++calls, startedAtMs: Date.now() }
      for (const listener of beginListeners) listener({ ...event, ...begun })
      return begun
    },
    entries: () => entries,
    get dropped() {
      return added - entries.length
    },
    alias: (kind, value, known) => aliases.name(kind, value, known),
    redact: (text) =>
      aliases.findIn(text).reduce((redacted, { value, alias }) => redacted.replaceAll(value, alias), text),
    secretsIn: (text) => aliases.findIn(text).map(({ kind, alias }) => ({ kind, alias })),
    onEntry(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    onBegin(listener) {
      beginListeners.add(listener)
      return () => beginListeners.delete(listener)
    },
    count(event, where = {}) {
      const details = Object.entries(where)
      return entries.filter((entry) => entry.event === event && details.every(([name, value]) => entry[name] === value))
        .length
    },
  }
}
