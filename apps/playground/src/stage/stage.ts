import { batch, computed, type ReadonlySignal, type Signal, signal } from '@preact/signals'
import { createLedger, type LedgerEntry } from '@weapp-auth/emulator/browser'
import type { Control } from '../controls.ts'
import { findControl } from '../controls.ts'
import type { Scenario } from '../scenario.ts'
import { toEvent } from '../timeline/events.ts'
import { createTimeline, type Timeline } from '../timeline/timeline.ts'
import { type Cast, type PhoneName, perform } from './actions.ts'
import type { BuiltApp } from './built-app.ts'
import { createStagePhone, type Phone, type ShownPhone } from './phone.ts'
import type { Backstage } from './wechat.ts'

/** Whose `auth.ts` a phone runs: ours, or the one tutorials have. */
export type Track = 'ours' | 'theirs'

export interface StagePhone<P extends ShownPhone = ShownPhone> {
  name: PhoneName
  track: Track
  phone: P
}

/** What the page shows: phones, what happened, and which switches are on. */
export interface Stage {
  readonly timeline: Timeline
  readonly shown: ReadonlySignal<readonly StagePhone[]>
  /** The ids of the controls that are on. */
  readonly active: ReadonlySignal<ReadonlySet<string>>
  /** Whether the tutorial's code runs beside ours. Takes effect with the next reset. */
  readonly comparing: Signal<boolean>
  canCompare(scenario: Scenario): boolean
  trackOf(device: string): Track
  /** Presses a button, or turns a switch. Null: this stage plays recordings, and nothing else can be done. */
  readonly use: ((control: Control) => Promise<void>) | null
  /** Everything as before the first step of `scenario`: new users on new phones, all faults are gone. */
  reset(scenario: Scenario): Promise<void>
  /** Plays one step until nothing more is going to happen. Stops early when `isVoid` says that nobody wants it any more. */
  play(scenario: Scenario, index: number, isVoid: () => boolean): Promise<void>
}

/** The real thing: phones that run in this page, with WeChat and the service behind them. */
export interface LiveStage extends Stage, Cast {
  readonly shown: ReadonlySignal<readonly StagePhone<Phone>[]>
  readonly use: (control: Control) => Promise<void>
}

/** A story goes on although something hangs: that may be the story. */
const LONGEST_REST_MS = 2_500
/** The last row has arrived by then. */
const QUIET_MS = 250

export interface StageDeps {
  backstage: Backstage
  apps: Record<Track, BuiltApp>
}

export function createStage({ backstage, apps }: StageDeps): LiveStage {
  const timeline = createTimeline()
  const ledger = createLedger()
  const shown = signal<readonly StagePhone<Phone>[]>([])
  const active = signal<ReadonlySet<string>>(new Set())
  const comparing = signal(false)
  // Other visitors of the same service have other phones.
  const visitor = Math.random().toString(36).slice(2, 6)
  let run = 0
  let advancedMs = 0
  /** Which phone was given a code, by the ledger's name for it. */
  const phoneOfCode = new Map<string, string>()

  const byDevice = computed(() => new Map(shown.value.map((entry) => [entry.phone.name, entry])))

  ledger.onBegin((start) => take('page', 'begun', start as unknown as LedgerEntry))
  ledger.onEntry((entry) => {
    if ((entry.event === 'wx.login' || entry.event === 'getPhoneNumber') && entry.code)
      phoneOfCode.set(String(entry.code), String(entry.device))
    take('page', 'ended', entry)
  })
  backstage.listen((entry, phase) => take('backstage', phase, entry))

  function take(origin: 'page' | 'backstage', phase: 'begun' | 'ended', entry: LedgerEntry): void {
    const phone = phoneOf(entry)
    // Other tabs, and phones of an earlier story, have nothing to do with this one.
    if (phone !== null && !byDevice.peek().has(phone)) return
    timeline.add(toEvent(origin, phase, phone === null ? entry : { ...entry, phone }))
  }

  /** Null for what happens to everybody. */
  function phoneOf(entry: LedgerEntry): string | null {
    if (entry.side === 'service') return String(entry.phone ?? '')
    if (entry.device !== undefined) return entry.device
    if (entry.event === 'jscode2session' || entry.event === 'getuserphonenumber')
      return phoneOfCode.get(String(entry.code)) ?? ''
    return null
  }

  function phones(name: PhoneName): readonly Phone[] {
    const tracks: Track[] = comparing.value ? ['theirs', 'ours'] : ['ours']
    return tracks.map((track) => find(name, track) ?? add(name, track))
  }

  function find(name: PhoneName, track: Track): Phone | null {
    return shown.value.find((entry) => entry.name === name && entry.track === track)?.phone ?? null
  }

  function add(name: PhoneName, track: Track): Phone {
    const id = `${visitor}${run}`
    const phone = createStagePhone({
      name: `${name}-${track}-${id}`,
      user: `${track}-${id}`,
      appid: backstage.appid,
      app: apps[track],
      ledger,
      nowMs: backstage.nowMs + advancedMs + performance.now(),
    })
    shown.value = [...shown.value, { name, track, phone }]
    return phone
  }

  async function rest(): Promise<void> {
    const settled = Promise.all(stage.everybody().map((phone) => phone.running()?.settled()))
    await Promise.race([settled, wait(LONGEST_REST_MS)])
    await wait(QUIET_MS)
  }

  const stage: LiveStage = {
    backstage: {
      ...backstage,
      async advance(ms) {
        advancedMs += ms
        await backstage.advance(ms)
      },
    },
    timeline,
    shown,
    active,
    comparing,
    phones,
    canCompare: ({ isOursAlone }) => !isOursAlone,
    everybody: () => shown.value.map(({ phone }) => phone),
    trackOf: (device) => byDevice.value.get(device)?.track ?? 'ours',
    async use(control) {
      const isOn = active.value.has(control.id)
      if (control.chip) {
        const next = new Set(active.value)
        if (isOn) next.delete(control.id)
        else next.add(control.id)
        active.value = next
      }
      try {
        for (const action of (isOn && control.off) || control.on) await perform(action, stage)
      } catch (error) {
        // What a call of the app was answered is in the rows, and may be what the reader wanted to see.
        if (!isAuthError(error)) throw error
      }
    },
    async play({ steps }, index, isVoid) {
      for (const action of steps[index]?.actions ?? []) {
        if (isVoid()) return
        await perform(action, stage)
      }
      await rest()
    },
    async reset({ isOursAlone }) {
      if (isOursAlone) comparing.value = false
      for (const { phone } of shown.value) await phone.close()
      for (const id of active.value) {
        // Switches of a phone are gone with it.
        for (const action of findControl(id)?.off ?? []) if (!('phone' in action)) await perform(action, stage)
      }
      await backstage.clearFaults()
      run++
      batch(() => {
        active.value = new Set()
        shown.value = []
        phones('A')
        timeline.clear()
      })
    },
  }
  return stage
}

/** By its name: each phone has a copy of the client of its own. */
function isAuthError(error: unknown): boolean {
  return (Object(error) as { name?: unknown }).name === 'AuthError'
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
