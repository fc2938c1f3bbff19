// What a mutation run has found: how many of the changes in code that the tests run were noticed, and which were not.

/** A small change of the code, and whether a test failed because of it. */
export interface Mutant {
  /** `packages/client/src/url.ts`. */
  file: string
  line: number
  /** The line as it stands. */
  source: string
  /** The kind of change, and what stands there instead. */
  change: string
  outcome: 'noticed' | 'survived' | 'never run'
}

interface Results {
  files: Record<
    string,
    {
      source: string
      mutants: {
        mutatorName: string
        replacement?: string
        status: string
        location: { start: { line: number; column: number } }
      }[]
    }
  >
}

const OUTCOMES: Record<string, Mutant['outcome']> = {
  Killed: 'noticed',
  Timeout: 'noticed',
  RuntimeError: 'noticed',
  Survived: 'survived',
  NoCoverage: 'never run',
}

/** @param json a report of Stryker: https://stryker-mutator.io/docs/mutation-testing-elements/mutant-states-and-metrics */
export function readMutants(json: string): Mutant[] {
  const { files } = JSON.parse(json) as Results
  return Object.entries(files).flatMap(([file, { source, mutants }]) => {
    const lines = source.split('\n')
    return mutants.flatMap(({ mutatorName, replacement = '', status, location: { start } }) => {
      const outcome = OUTCOMES[status]
      if (!outcome) return []
      const change = `${mutatorName}: ${replacement.replaceAll(/\s+/g, ' ')}`
      return [{ file, line: start.line, source: lines[start.line - 1]?.trim() ?? '', change, outcome }]
    })
  })
}

/** By what a surviving change is explained in `survivors.json`: no line number, because these move. */
export function nameOf({ file, source, change }: Mutant): string {
  return `${file} | ${source} | ${change}`
}

/**
 * The result in words.
 *
 * @param explained reasons why changes may survive, by their names
 */
export function report(
  mutants: readonly Mutant[],
  explained: Record<string, string>,
  thresholdPercent: number,
): { text: string; isGood: boolean } {
  const count = (outcome: Mutant['outcome']) => mutants.filter((mutant) => mutant.outcome === outcome).length
  const run = count('noticed') + count('survived')
  const percent = (100 * count('noticed')) / run
  const survivors = mutants.filter(({ outcome }) => outcome === 'survived')
  const lines = survivors.map((mutant) => {
    const reason = explained[nameOf(mutant)]
    return `${reason ? `explained (${reason})` : 'SURVIVED'}: ${mutant.file}:${mutant.line}: ${nameOf(mutant)}`
  })
  const known = survivors.filter((mutant) => nameOf(mutant) in explained).length
  const isGood = run > 0 && percent >= thresholdPercent && known === survivors.length
  lines.push(
    `${percent.toFixed(1)} % of ${run} changes in code that the tests run were noticed, at least ${thresholdPercent} % should be; ` +
      `of the others ${known} are explained in scripts/survivors.json; no test runs the code of ${count('never run')} more`,
  )
  return { text: `${lines.join('\n')}\n`, isGood }
}
