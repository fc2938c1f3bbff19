import type { PhoneName } from '../stage/actions.ts'
import type { Track } from '../stage/stage.ts'
import type { LedgerEvent } from '../timeline/events.ts'
import { toRows } from '../timeline/rows.ts'

/** One story as it happened in the real page with the real service: what `record.ts` writes. Times count from its start. */
export interface Recording {
  scenario: string
  /** Whether the tutorial's code ran beside ours. */
  isComparing: boolean
  steps: RecordedStep[]
  /** The pages of the mini-program, as HTML; screens name them by index. */
  pages: string[]
}

export interface RecordedStep {
  startMs: number
  endMs: number
  events: LedgerEvent[]
  screens: RecordedScreen[]
}

/** What a phone showed from a moment on. */
export interface RecordedScreen {
  atMs: number
  phone: RecordedPhone
  page: number
  path: string
  depth: number
  toast: string
}

export interface RecordedPhone {
  /** As the ledger names it. */
  device: string
  name: PhoneName
  track: Track
}

export function recordingName(scenario: string, isComparing: boolean): string {
  return `${scenario}${isComparing ? '.compared' : ''}.json`
}

/**
 * What a story consists of, so that two runs of it can be compared: the kinds of rows that each track has. How often each
 * happened, and in which order, differs from run to run where several things happen at once, and whether the guard asks its store
 * depends on how long ago it did. What is done behind the scenes is the story's own text.
 */
export function outlineOf(events: readonly LedgerEvent[], trackOf: (device: string) => Track): string[] {
  const kinds = toRows(events)
    .filter(({ kind }) => kind !== 'control' && kind !== 'store.find')
    .map(({ kind, phone, isPending }) => {
      const who = phone === '' ? 'everybody' : trackOf(phone)
      return `${who}: ${kind}${isPending ? ' (pending)' : ''}`
    })
  return [...new Set(kinds)].sort()
}
