import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { Stage } from '../stage/stage.ts'
import type { View } from '../state.ts'
import { say } from '../text.ts'
import { fill, LIFELINE_NAMES, TEXTS } from '../texts.ts'
import { KINDS } from '../timeline/kinds.ts'
import { LIFELINES, type Lifeline, type Row } from '../timeline/row.ts'

interface DiagramProps {
  rows: readonly Row[]
  view: View
  stage: Stage
  isNarrow: boolean
}

/** Where the lifelines stand, in per cent of the width. */
const PLACES: Record<Lifeline, number> = { phone: 8, service: 37, wechat: 66, stores: 92 }

/** Below this the reader is at the end and wants to stay there. */
const AT_END_PX = 40

/** The live sequence diagram: a list of rows, each of which is a picture and a button. */
export function Diagram({ rows, view, stage, isNarrow }: DiagramProps) {
  const list = useRef<HTMLDivElement>(null)
  const [isFollowing, follow] = useState(true)
  const toEnd = () => list.current?.scrollTo({ top: list.current.scrollHeight })
  useLayoutEffect(() => {
    if (isFollowing) toEnd()
  }, [rows.length, isFollowing])
  // Another story begins at its own first row, wherever the reader had scrolled to.
  useLayoutEffect(() => {
    if (rows.length === 0) follow(true)
  }, [rows.length])
  const onScroll = () => {
    const { scrollTop, clientHeight, scrollHeight } = list.current as HTMLDivElement
    follow(scrollHeight - scrollTop - clientHeight < AT_END_PX)
  }
  const pair = isNarrow ? pairOf(view.selected.value ?? rows.at(-1)) : null
  return (
    <div class="diagram">
      <div class="lifelines" aria-hidden="true">
        {(pair ?? LIFELINES).map((lifeline) => (
          <span key={lifeline} class={lifeline} style={{ left: `${placeOf(lifeline, pair)}%` }}>
            {say(LIFELINE_NAMES[lifeline])}
          </span>
        ))}
      </div>
      <div class="rows" ref={list} onScroll={onScroll}>
        <ol aria-label={say(TEXTS.diagram)}>
          {rows.map((row) => (
            <RowItem key={row.key} row={row} view={view} stage={stage} isNarrow={isNarrow} />
          ))}
        </ol>
      </div>
      {!isFollowing && (
        <button type="button" class="newest" onClick={() => follow(true)}>
          {say(TEXTS.newest)} ↓
        </button>
      )}
    </div>
  )
}

/** The two lifelines that a row is about, from left to right. */
function pairOf(row: Row | undefined): [Lifeline, Lifeline] {
  const ends = [row?.from ?? 'phone', row?.to ?? 'service'].map((lifeline) => LIFELINES.indexOf(lifeline as Lifeline))
  const left = Math.min(...ends)
  const right = Math.max(...ends)
  if (left === right) return left === 0 ? ['phone', 'service'] : ['service', LIFELINES[left] ?? 'stores']
  return [LIFELINES[left] ?? 'phone', LIFELINES[right] ?? 'service']
}

function placeOf(lifeline: Lifeline, pair: readonly Lifeline[] | null): number {
  if (!pair) return PLACES[lifeline]
  return pair[0] === lifeline ? 14 : 82
}

function RowItem({ row, view, stage, isNarrow }: Omit<DiagramProps, 'rows'> & { row: Row }) {
  const isSelected = view.selectedKey.value === row.key
  const time = row.ms === null ? '' : `${Math.round(row.ms)} ms`
  const ends =
    row.from === row.to
      ? say(LIFELINE_NAMES[row.from])
      : `${say(LIFELINE_NAMES[row.from])} → ${say(LIFELINE_NAMES[row.to])}`
  const name = [say(KINDS[row.kind].name), labelOf(row), ends, time].filter(Boolean).join(', ')
  const shown = stage.shown.value
  const letter = shown.filter(({ track }) => track === stage.trackOf(row.phone)).length > 1 ? row.phone.slice(0, 1) : ''
  const select = () => {
    view.selectedKey.value = isSelected ? null : row.key
    if (isNarrow && !isSelected) view.openSheet.value = 'details'
  }
  return (
    <li>
      <button
        type="button"
        class={`row${row.isTrouble ? ' is-trouble' : ''}`}
        data-kind={row.kind}
        data-events={row.events.map(({ key }) => key).join(' ')}
        aria-pressed={isSelected}
        onClick={select}
      >
        <RowPicture row={row} letter={letter} isNarrow={isNarrow} isTight={isNarrow || view.tracks.value.length > 1} />
        <span class="hidden">{row.isPending ? `${name}, ${say(TEXTS.waiting)}` : name}</span>
        <span class="ms" aria-hidden="true">
          {row.isPending ? say(TEXTS.waiting) : time}
        </span>
      </button>
    </li>
  )
}

function labelOf({ events, kind, label, shape }: Row): string {
  const text = say(label)
  const count = events.length
  if (kind.startsWith('calls.')) return `${text}: ${count}`
  // Both clocks were moved, and that is one thing.
  if (count === 1 || shape === 'cut') return text
  // Small questions to the stores stand with the one beside them.
  const areAlike = events.every(({ entry }) => entry.event === events[0]?.entry.event)
  return areAlike ? fill(say(TEXTS.times), { text, n: count }) : fill(say(TEXTS.andMore), { text, n: count - 1 })
}

function RowPicture({
  row,
  letter,
  isNarrow,
  isTight,
}: {
  row: Row
  letter: string
  isNarrow: boolean
  isTight: boolean
}) {
  const pair = isNarrow ? pairOf(row) : null
  const from = placeOf(row.from, pair)
  const to = placeOf(row.to, pair)
  const colour = row.isTrouble ? 'trouble' : row.from
  return (
    <svg class="picture" height="30" aria-hidden="true">
      {(pair ?? LIFELINES).map((lifeline) => (
        <line
          key={lifeline}
          class={`life ${lifeline}`}
          x1={`${placeOf(lifeline, pair)}%`}
          x2={`${placeOf(lifeline, pair)}%`}
          y1="0"
          y2="100%"
        />
      ))}
      {row.shape === 'note' && <Note row={row} at={from} />}
      {row.shape === 'cut' && <Cut label={labelOf(row)} />}
      {row.shape !== 'note' && row.shape !== 'cut' && (
        <Arrow row={row} from={from} to={to} colour={colour} isTight={isTight} />
      )}
      {letter && (
        <text class="letter" x="1.2%" y="19">
          {letter}
        </text>
      )}
      {pair && row.from !== row.to && (
        <text class="ends" x={`${placeOf(pair[0], pair) + 1.5}%`} y="36">
          {say(LIFELINE_NAMES[row.from])} → {say(LIFELINE_NAMES[row.to])}
        </text>
      )}
    </svg>
  )
}

/** Characters that fit between two lifelines. */
const LONG_LABEL = 28

/** How far from a lifeline an arrow begins and ends, in per cent. */
const GAP = 0.6

function Arrow({
  row,
  from,
  to,
  colour,
  isTight,
}: {
  row: Row
  from: number
  to: number
  colour: string
  isTight: boolean
}) {
  const direction = Math.sign(to - from)
  const start = from + direction * GAP
  const isLost = row.shape === 'lost'
  // A long text in the middle would begin left of the picture.
  const isLeft = isTight || labelOf(row).length > LONG_LABEL
  // A lost answer ends in a gap; what has no answer yet is drawn as far as it got.
  const end = isLost ? from + (to - from) * 0.72 : to - direction * GAP
  const marker = `url(#head-${colour})`
  const lines = Math.min(row.shape === 'there-and-back' ? 1 : row.events.length, 6)
  return (
    <>
      {Array.from({ length: lines }, (_, index) => {
        const y = 21 + (index - (lines - 1) / 2) * 2.4
        const isMain = index === Math.floor((lines - 1) / 2)
        return (
          <line
            key={index}
            class={`arrow ${colour}${row.isPending ? ' is-pending' : ''}`}
            x1={`${start}%`}
            x2={`${end}%`}
            y1={y}
            y2={y}
            pathLength={1}
            marker-end={isMain && !isLost ? marker : undefined}
            marker-start={row.shape === 'there-and-back' ? marker : undefined}
          />
        )
      })}
      {isLost && (
        <text class={`cross ${colour}`} x={`${end + direction * 1.2}%`} y="26" text-anchor="middle">
          ×
        </text>
      )}
      <text
        class={`label${row.isTrouble ? ' is-trouble' : ''}`}
        x={`${isLeft ? Math.min(from, to) + 1.5 : (from + to) / 2}%`}
        y={lines > 1 ? 10 : 14}
        text-anchor={isLeft ? 'start' : 'middle'}
      >
        {labelOf(row)}
      </text>
    </>
  )
}

/** Something that happens on a phone alone. Requests that wait are thin lines side by side. */
function Note({ row, at }: { row: Row; at: number }) {
  const isCalls = row.kind.startsWith('calls.')
  const lines = isCalls ? Math.min(row.events.length, 10) : 0
  const width = 5
  return (
    <>
      {isCalls ? (
        Array.from({ length: lines }, (_, index) => {
          const y = 15 + (index - (lines - 1) / 2) * 2.4
          const fansIn = row.kind === 'calls.begun'
          return (
            <line
              key={index}
              class={`thin ${row.isTrouble ? 'trouble' : 'phone'}`}
              x1={`${at + GAP}%`}
              x2={`${at + width}%`}
              y1={fansIn ? y : 15}
              y2={fansIn ? 15 : y}
            />
          )
        })
      ) : (
        <circle class={row.isTrouble ? 'dot trouble' : 'dot phone'} cx={`${at}%`} cy="15" r="3.5" />
      )}
      <text class={`note${row.isTrouble ? ' is-trouble' : ''}`} x={`${at + (isCalls ? width + 0.8 : 1.4)}%`} y="19.5">
        {labelOf(row)}
      </text>
    </>
  )
}

function Cut({ label }: { label: string }) {
  return (
    <>
      <line class="cut-line" x1="2%" x2="98%" y1="15" y2="15" />
      <text class="cut-label" x="50%" y="19.5" text-anchor="middle">
        {label}
      </text>
    </>
  )
}

/** The arrow heads, once for the page. */
export function ArrowHeads() {
  return (
    <svg width="0" height="0" class="heads" aria-hidden="true">
      <defs>
        {['phone', 'service', 'wechat', 'stores', 'trouble'].map((colour) => (
          <marker
            key={colour}
            id={`head-${colour}`}
            viewBox="0 0 8 8"
            refX="7"
            refY="4"
            markerWidth="8"
            markerHeight="8"
            orient="auto-start-reverse"
            markerUnits="userSpaceOnUse"
          >
            <path class={`head ${colour}`} d="M0.5 0.8 7.2 4 0.5 7.2z" />
          </marker>
        ))}
      </defs>
    </svg>
  )
}
