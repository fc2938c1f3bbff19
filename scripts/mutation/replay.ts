// Runs inside vitest, as its only test file. Imports test files once for each change of the code, in one worker, so that no
// change costs a process, a server or the modules that the code imports.
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, test, vi } from 'vitest'
import type { Coverage, Outcomes, Plan, Trial } from './plan.ts'

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
function save(result: Coverage | Outcomes): void {
  writeFileSync(`${WEAPP_AUTH_PLAN_RESULT}.new`, JSON.stringify(result))
  renameSync(`${WEAPP_AUTH_PLAN_RESULT}.new`, WEAPP_AUTH_PLAN_RESULT)
}

if (plan.step === 'cover') cover(plan.tests)
else replay(plan.changes)

/** Runs each test once, and notes which changes are in the code that it runs. */
function cover(files: readonly string[]): void {
  const failed = new Set<string>()
  for (const file of files) {
    describe(file, async () => {
      beforeEach(({ task, onTestFailed }) => {
        const id = idOf(task)
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
      failed: [...failed],
    })
  })
}

/** Makes each change, and runs its tests until one fails. */
function replay(changes: readonly Trial[]): void {
  const outcomes: Outcomes = {}
  for (const { id, isAtImport, files, tests } of changes) {
    const runs = new Set(tests)
    describe(`change ${id}`, () => {
      beforeAll(() => {
        Object.assign(switches, { activeMutant: id, hitCount: 0, hitLimit: HIT_LIMIT })
        outcomes[id] ??= 'survived'
      })
      beforeEach((context) => {
        if (outcomes[id] === 'noticed' || !runs.has(idOf(context.task))) return context.skip()
        context.onTestFailed(() => {
          outcomes[id] = 'noticed'
        })
      })
      if (isAtImport) vi.resetModules()
      for (const file of files) {
        describe(file, async () => {
          if (isAtImport) switches.activeMutant = id
          try {
            await import(/* @vite-ignore */ `${file}?change=${id}`)
          } catch {
            // The changed code cannot even be imported. A suite must hold a test.
            outcomes[id] = 'noticed'
            test('import', () => {})
          } finally {
            switches.activeMutant = undefined
          }
        })
      }
      afterAll(() => {
        switches.activeMutant = undefined
        save(outcomes)
      })
    })
  }
}

/** The file of a test, its suites and its name. */
function idOf(task: Task): string {
  const names = []
  for (let at: Task | undefined = task; at; at = at.suite) names.unshift(at.name)
  return names.slice(names.findIndex((name) => name.startsWith('/'))).join(' > ')
}
