import { batch, signal } from '@preact/signals'
import type { Scenario } from '../scenario.ts'
import type { BuiltApp } from '../stage/built-app.ts'
import type { Chrome, ShownPhone } from '../stage/phone.ts'
import type { Stage, StagePhone } from '../stage/stage.ts'
import type { LedgerEvent } from '../timeline/events.ts'
import { createTimeline } from '../timeline/timeline.ts'
import type { RecordedPhone, RecordedScreen, Recording } from './recording.ts'

export interface RecordedStageDeps {
  look: Pick<BuiltApp, 'styles' | 'tabs' | 'titles'>
  load(scenario: string, isComparing: boolean): Promise<Recording>
}

/** Shows again what was recorded, at the speed at which it happened. */
export function createRecordedStage({ look, load }: RecordedStageDeps): Stage {
  const timeline = createTimeline()
  const shown = signal<readonly StagePhone<RecordedPhoneScreen>[]>([])
  const comparing = signal(false)
  let recording: Recording | null = null

  function screenOf({ device, name, track }: RecordedPhone): RecordedPhoneScreen {
    const known = shown.value.find(({ phone }) => phone.name === device)
    if (known) return known.phone
    const phone = createPhoneScreen(device, look)
    shown.value = [...shown.value, { name, track, phone }]
    return phone
  }

  function showScreen({ phone, page, path, depth, toast }: RecordedScreen): void {
    screenOf(phone).show(recording?.pages[page] ?? '', { path, depth, toast })
  }

  return {
    timeline,
    shown,
    active: signal(new Set<string>()),
    comparing,
    use: null,
    canCompare: ({ isRecordedBeside }) => isRecordedBeside === true,
    trackOf: (device) => shown.value.find(({ phone }) => phone.name === device)?.track ?? 'ours',
    async reset(scenario: Scenario) {
      if (!scenario.isRecordedBeside) comparing.value = false
      recording = await load(scenario.id, comparing.value)
      const [first] = recording.steps
      batch(() => {
        shown.value = []
        timeline.clear()
        for (const { phone } of first?.screens ?? []) screenOf(phone)
      })
    },
    async play(_scenario, index, isVoid) {
      const step = recording?.steps[index]
      if (!step) return
      const shiftMs = Date.now() - step.startMs
      const cues = [
        ...step.screens.map((screen) => ({ atMs: screen.atMs, take: () => showScreen(screen) })),
        ...step.events.map((event) => ({ atMs: event.atMs, take: () => timeline.add(later(event, shiftMs)) })),
      ].sort((one, other) => one.atMs - other.atMs)
      for (const { atMs, take } of cues) {
        await until(atMs + shiftMs, isVoid)
        if (isVoid()) return
        take()
      }
      await until(step.endMs + shiftMs, isVoid)
    },
  }
}

/** The event as if it happened now. */
function later(event: LedgerEvent, ms: number): LedgerEvent {
  const { atMs, startedAtMs } = event.entry
  const entry = { ...event.entry, atMs: atMs + ms, ...(startedAtMs !== undefined && { startedAtMs: startedAtMs + ms }) }
  return { ...event, entry, atMs: event.atMs + ms }
}

interface RecordedPhoneScreen extends ShownPhone {
  show(html: string, chrome: Chrome): void
}

/** A phone whose screen shows pages as they were recorded; nothing runs in it. */
function createPhoneScreen(name: string, { styles, tabs, titles }: RecordedStageDeps['look']): RecordedPhoneScreen {
  const chrome = signal<Chrome>({ path: '', depth: 1, toast: '' })
  let screen: Document | null = null
  let shownHtml = ''
  const draw = () => {
    if (!screen) return
    screen.head.querySelector('style')?.replaceChildren(`${styles.app ?? ''}\n${styles[chrome.value.path] ?? ''}`)
    screen.body.innerHTML = shownHtml
  }
  return {
    name,
    app: { tabs, titles },
    chrome,
    running: () => null,
    attach(frame) {
      frame.addEventListener('load', () => {
        screen = frame.contentDocument
        draw()
      })
      frame.srcdoc = SCREEN
    },
    show(html, next) {
      const isSame = html === shownHtml && next.path === chrome.value.path
      chrome.value = next
      if (isSame) return
      shownHtml = html
      draw()
    },
  }
}

const SCREEN = `<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>小程序</title>
<link rel="stylesheet" href="playground/phone.css"><style></style><body></body></html>`

/** How soon a reader who has chosen another story sees it. */
const LOOK_EVERY_MS = 50

/** Waits until then, or until nobody wants it any more. */
async function until(atMs: number, isVoid: () => boolean): Promise<void> {
  for (let leftMs = atMs - Date.now(); leftMs > 0 && !isVoid(); leftMs = atMs - Date.now()) {
    await new Promise((resolve) => setTimeout(resolve, Math.min(leftMs, LOOK_EVERY_MS)))
  }
}
