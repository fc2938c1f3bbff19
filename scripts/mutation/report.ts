// What a mutation run has found: how many of the changes in code that the tests run were noticed, and which were not.
import type { Change } from './instrument.ts'

/** A change, and whether a test failed because of it. `refused`: no test failed, but the changed code does not compile. */
export interface Mutant extends Omit<Change, 'id' | 'edit' | 'isAtImport'> {
  outcome: 'noticed' | 'refused' | 'survived' | 'never run'
}

/** By what a surviving change is explained in `survivors.json`: no line number, because these move. */
export function nameOf({ file, source, change }: Pick<Mutant, 'file' | 'source' | 'change'>): string {
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
  const run = mutants.length - count('never run')
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
      `of the others the compiler refuses ${count('refused')}, and ${known} are explained in scripts/survivors.json; no test runs the code of ${count('never run')} more`,
  )
  return { text: `${lines.join('\n')}\n`, isGood }
}
