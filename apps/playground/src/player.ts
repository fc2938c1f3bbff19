import { batch, type ReadonlySignal, type Signal, signal } from '@preact/signals'
import type { Scenario } from './scenario.ts'
import { findScenario, SCENARIOS } from './scenarios.ts'
import type { Stage } from './stage/stage.ts'

/** Plays scenarios step by step. */
export interface Player {
  readonly scenario: ReadonlySignal<Scenario>
  /** How many steps the reader sees, 0 before the first; those after it have happened already when the reader went back. */
  readonly step: ReadonlySignal<number>
  readonly isPlaying: ReadonlySignal<boolean>
  /** A step is being played. */
  readonly isBusy: ReadonlySignal<boolean>
  readonly speed: Signal<number>
  /** What the reader sees ends here, on the wall clock; null: nothing is hidden. */
  readonly untilMs: ReadonlySignal<number | null>
  /** Why the last step could not be played. */
  readonly problem: ReadonlySignal<string>
  /** Before the first step of a story. Resolves with false when another start has taken this one's place. */
  start(id: string): Promise<boolean>
  play(): Promise<void>
  /** From the beginning to the end. */
  playAgain(): Promise<void>
  pause(): void
  forward(): Promise<void>
  back(): void
  last(): Promise<void>
}

/** Between two steps a reader has time to read. */
const PAUSE_MS = 2_000

export function createPlayer(stage: Stage): Player {
  const scenario = signal<Scenario>(SCENARIOS[0] as Scenario)
  const step = signal(0)
  const isPlaying = signal(false)
  const isBusy = signal(false)
  const speed = signal(1)
  const untilMs = signal<number | null>(null)
  const problem = signal('')
  /** When each step that was played was over. */
  let endsMs: number[] = []
  let busy: Promise<void> = Promise.resolve()
  /** Another start makes whatever is still under way void. */
  let generation = 0

  const played = () => endsMs.length
  const isAtEnd = () => step.value >= scenario.value.steps.length

  function show(count: number): void {
    step.value = count
    untilMs.value = count < played() ? (endsMs[count - 1] ?? 0) : null
  }

  async function playStep(own: number): Promise<void> {
    if (own !== generation) return
    const index = played()
    if (index >= scenario.value.steps.length) return
    isBusy.value = true
    step.value = index + 1
    untilMs.value = null
    try {
      await stage.play(scenario.value, index, () => own !== generation)
      problem.value = ''
    } catch (error) {
      report(error)
    } finally {
      if (own === generation) {
        endsMs.push(Date.now())
        isBusy.value = false
      }
    }
  }

  function report(error: unknown): void {
    problem.value = error instanceof Error ? error.message : String(error)
  }

  async function forward(): Promise<void> {
    if (step.value < played()) return show(step.value + 1)
    const own = generation
    busy = busy.then(() => playStep(own))
    await busy
  }

  const player: Player = {
    scenario,
    step,
    isPlaying,
    isBusy,
    speed,
    untilMs,
    problem,
    async start(id) {
      const own = ++generation
      // At once: the reader has chosen this story, and nothing of the one before is to be seen any more.
      batch(() => {
        isPlaying.value = false
        scenario.value = findScenario(id) ?? (SCENARIOS[0] as Scenario)
        step.value = 0
        untilMs.value = 0
        isBusy.value = false
        problem.value = ''
      })
      endsMs = []
      // After the step, or the start, that is under way: phones of two stories must not mix.
      busy = busy.then(async () => {
        if (own !== generation) return
        await stage.reset(scenario.value).catch(report)
        untilMs.value = null
      })
      await busy
      return own === generation
    },
    async play() {
      if (isPlaying.value) return
      const own = generation
      isPlaying.value = true
      while (isPlaying.value && own === generation && !isAtEnd()) {
        await forward()
        if (!isAtEnd()) await wait(PAUSE_MS / speed.value)
      }
      if (own === generation) isPlaying.value = false
    },
    async playAgain() {
      if (await player.start(scenario.value.id)) await player.play()
    },
    pause() {
      isPlaying.value = false
    },
    forward,
    back() {
      isPlaying.value = false
      if (step.value > 1) show(step.value - 1)
    },
    async last() {
      isPlaying.value = false
      while (!isAtEnd()) await forward()
    },
  }
  return player
}

function wait(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
