import { describe, expect, test } from 'vitest'
import { type Mutant, nameOf, readMutants, report } from '../mutants.ts'

const mutant = (status: string, line: number) => ({
  mutatorName: 'BooleanLiteral',
  replacement: 'false',
  status,
  location: { start: { line, column: 1 } },
})

/** A report of one file: the change in line n has the n-th outcome. */
function results(...statuses: string[]): Mutant[] {
  const source = statuses.map((_, index) => `  const x${index + 1} = true\n`).join('')
  const mutants = statuses.map((status, index) => mutant(status, index + 1))
  return readMutants(JSON.stringify({ files: { 'src/x.ts': { source, mutants } } }))
}

function explainAll(mutants: readonly Mutant[]): Record<string, string> {
  return Object.fromEntries(mutants.map((mutant) => [nameOf(mutant), 'it is the default']))
}

describe('a mutation run', () => {
  test('counts what was noticed among the changes in code that a test runs', () => {
    const mutants = results('Killed', 'Timeout', 'Survived', 'NoCoverage', 'CompileError')
    const { text, isGood } = report(mutants, explainAll(mutants), 60)
    expect(text).toContain('66.7 % of 3 changes')
    expect(text).toContain('no test runs the code of 1 more')
    expect(isGood).toBe(true)
  })

  test('is not good enough below the threshold, or when nothing was changed', () => {
    const mutants = results('Killed', 'Survived')
    expect(report(mutants, explainAll(mutants), 51).isGood).toBe(false)
    expect(report([], {}, 0).isGood).toBe(false)
  })

  test('is not good enough with a survivor that nobody has explained, far above the threshold as it may be', () => {
    const [noticed, known, unknown] = results('Killed', 'Survived', 'Survived')
    if (!noticed || !known || !unknown) throw new Error('there are three')
    const explained = explainAll([known])
    expect(report([noticed, known], explained, 0).isGood).toBe(true)
    expect(report([noticed, known, unknown], explained, 0).isGood).toBe(false)
  })

  test('names every survivor, with the reason where there is one', () => {
    const [known, unknown] = results('Survived', 'Survived')
    if (!known || !unknown) throw new Error('there are two')
    const { text } = report([known, unknown], { [nameOf(known)]: 'it is the default' }, 90)
    expect(text).toContain(
      'explained (it is the default): src/x.ts:1: src/x.ts | const x1 = true | BooleanLiteral: false',
    )
    expect(text).toContain('SURVIVED: src/x.ts:2: src/x.ts | const x2 = true | BooleanLiteral: false')
  })
})
