// Runs inside vitest, as its only test file. Imports test files and runs each test again and again, once for each change of the code, in
// one worker, so that no change costs a process, a server or an import.
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, type RunnerTestSuite, test, vi } from 'vitest'
import { type Coverage, fileOf, type Plan, type Replayed, type TestPlan } from './plan.ts'

/** What the instrumented code asks. */
interface Switches {
  activeMutant?: string | undefined
  currentTestId?: string | undefined
  hitCount?: number
  hitLimit?: number
  mutantCoverage?: { static: Record<string, number>; perTest: Record<string, Record<string, number>> }
}

interface Task {
  name: string
  suite?: Task | undefined
}

/** A changed loop that does not end runs its changed code so often. */
const HIT_LIMIT = 200_000

const { WEAPP_AUTH_PLAN = '', WEAPP_AUTH_PLAN_RESULT = '' } = process.env
const plan = JSON.parse(readFileSync(WEAPP_AUTH_PLAN, 'utf8')) as Plan
const global = globalThis as { __stryker__?: Switches }
global.__stryker__ ??= {}
const switches = global.__stryker__

/** Also read while this runs, so never half written. */
function save(result: Coverage | Replayed): void {
  writeFileSync(`${WEAPP_AUTH_PLAN_RESULT}.new`, JSON.stringify(result))
  renameSync(`${WEAPP_AUTH_PLAN_RESULT}.new`, WEAPP_AUTH_PLAN_RESULT)
}

const replayed: Replayed = { outcomes: {}, failed: [], isDone: false }
const noticedBy = new Map<string, string[]>()

if (plan.step === 'cover') {
  cover(plan.tests)
} else {
  if (plan.step === 'replay') replay(plan)
  else importAnew(plan.changes, plan.files)
  afterAll(() => save({ ...replayed, isDone: true }))
}

/** Runs each test once, and notes which changes are in the code that it runs. */
function cover(files: readonly string[]): void {
  const failed = new Set<string>()
  const tookMs: Record<string, number> = {}
  for (const file of files) {
    describe(file, async () => {
      beforeEach(({ task, onTestFailed, onTestFinished }) => {
        const id = idOf(task)
        const beganMs = performance.now()
        onTestFinished(() => {
          tookMs[id] = performance.now() - beganMs
        })
        switches.currentTestId = id
        onTestFailed(() => void failed.add(id))
      })
      await import(/* @vite-ignore */ `${file}?cover`)
    })
  }
  afterAll(() => {
    switches.currentTestId = undefined
    const { static: atImport = {}, perTest = {} } = switches.mutantCoverage ?? {}
    const tests = Object.entries(perTest).filter(([id]) => !failed.has(id))
    save({
      atImport: Object.keys(atImport),
      tests: Object.fromEntries(tests.map(([id, hits]) => [id, Object.keys(hits)])),
      tookMs,
      failed: [...failed],
    })
  })
}

/**
 * Runs each test once with each of its changes that no test has noticed yet. A test that has noticed some runs once more without any:
 * if it fails even then, these do not count.
 */
function replay({ tests, timeoutsMs }: Extract<Plan, { step: 'replay' }>): void {
  for (const file of new Set(Object.keys(tests).map(fileOf))) {
    describe(file, { timeout: timeoutsMs[file] }, async () => {
      // biome-ignore lint/correctness/noEmptyPattern: vitest reads the fixtures from it, and takes nothing else as the first parameter
      beforeAll(({}, suite) => chooseTests(suite as RunnerTestSuite, tests))
      beforeEach(({ task, onTestFailed, skip }) => {
        // Vitest would send all errors again with each one more.
        Object.assign(task.result ?? {}, { errors: undefined, attempts: [] })
        const test = idOf(task)
        const id = takeChange(tests[test] ?? [])
        switchTo(id)
        if (id !== undefined) {
          onTestFailed(() => notice(id, test))
        } else {
          const found = noticedBy.get(test)
          if (!found) return skip()
          noticedBy.delete(test)
          onTestFailed(() => {
            replayed.failed.push(test)
            for (const each of found) replayed.outcomes[each] = 'survived'
          })
        }
      })
      afterAll(finish)
      await import(/* @vite-ignore */ `${file}?replay`)
    })
  }
}

/** Lets each test run once for each change and once more, and no other test. */
function chooseTests(suite: RunnerTestSuite, tests: TestPlan): void {
  for (const task of suite.tasks) {
    if (task.type === 'suite') chooseTests(task, tests)
    else if (tests[idOf(task)]) task.repeats = tests[idOf(task)]?.length
    else task.mode = 'skip'
  }
  if (suite.tasks.every(({ mode }) => mode === 'skip')) suite.mode = 'skip'
}

function takeChange(changes: string[]): string | undefined {
  let id = changes.shift()
  while (id !== undefined && replayed.outcomes[id] === 'noticed') id = changes.shift()
  return id
}

function switchTo(id: string | undefined): void {
  save(replayed)
  Object.assign(switches, { activeMutant: id, hitCount: 0, hitLimit: HIT_LIMIT })
  if (id !== undefined) replayed.outcomes[id] ??= 'survived'
}

function notice(id: string, test: string): void {
  replayed.outcomes[id] = 'noticed'
  noticedBy.set(test, [...(noticedBy.get(test) ?? []), id])
}

function finish(): void {
  switchTo(undefined)
}

/** Imports the test files once for each change, and runs their tests until one fails. */
function importAnew(changes: readonly string[], files: readonly string[]): void {
  for (const id of changes) {
    describe(`change ${id}`, () => {
      beforeAll(() => switchTo(id))
      beforeEach(({ task, onTestFailed, skip }) => {
        if (replayed.outcomes[id] === 'noticed') return skip()
        onTestFailed(() => notice(id, idOf(task)))
      })
      vi.resetModules()
      for (const file of files) {
        describe(file, async () => {
          switches.activeMutant = id
          try {
            await import(/* @vite-ignore */ `${file}?change=${id}`)
          } catch {
            // The changed code cannot even be imported. A suite must hold a test.
            replayed.outcomes[id] = 'noticed'
            test('import', () => {})
          } finally {
            switches.activeMutant = undefined
          }
        })
      }
      afterAll(finish)
    })
  }
}

/** The file of a test, its suites and its name. */
function idOf(task: Task): string {
  const names = []
  for (let at: Task | undefined = task; at; at = at.suite) names.unshift(at.name)
  return names.slice(names.findIndex((name) => name.startsWith('/'))).join(' > ')
}
