import { computed, signal } from '@preact/signals'
import type { Player } from './player.ts'
import type { Stage, Track } from './stage/stage.ts'
import type { LedgerEvent } from './timeline/events.ts'
import type { Row } from './timeline/row.ts'
import { toRows } from './timeline/rows.ts'

/** What the reader looks at; what happens is the stage's. */
export function createView(stage: Stage, player: Player) {
  const selectedKey = signal<string | null>(null)
  const openSheet = signal<'controls' | 'details' | 'holders' | null>(null)
  const notice = signal('')

  const events = computed<readonly LedgerEvent[]>(() => {
    const until = player.untilMs.value
    const all = stage.timeline.events.value
    return until === null ? all : all.filter(({ atMs }) => atMs <= until)
  })
  const rows = computed<readonly Row[]>(() => toRows(events.value))
  const tracks = computed<readonly Track[]>(() =>
    stage.shown.value.some(({ track }) => track === 'theirs') ? ['theirs', 'ours'] : ['ours'],
  )

  /** The rows of a track: its phones', and what happens to everybody. */
  function rowsOf(track: Track): readonly Row[] {
    return tracks.value.length === 1 ? rows.value : toRows(eventsOf(track))
  }

  function eventsOf(track: Track): readonly LedgerEvent[] {
    return events.value.filter(({ entry }) => {
      const phone = entry.device ?? entry.phone
      return phone === undefined || stage.trackOf(String(phone)) === track
    })
  }

  const selected = computed<Row | null>(
    () => tracks.value.flatMap(rowsOf).find(({ key }) => key === selectedKey.value) ?? null,
  )

  return { selectedKey, selected, openSheet, notice, events, rows, tracks, rowsOf, eventsOf }
}

export type View = ReturnType<typeof createView>
