import { readFileSync, writeFileSync } from 'node:fs'

const PLACE = /(<!-- table -->\n)[\s\S]*(<!-- \/table -->)/

/** Prints the table of a benchmark; with `--write` on the command line puts it into `readme` too, between its marks. */
export function showTable(table: string, readme: string): void {
  process.stdout.write(`\n${table}\n`)
  if (!process.argv.includes('--write')) return
  const text = readFileSync(readme, 'utf8')
  writeFileSync(
    readme,
    text.replace(PLACE, (_, before, after) => `${before}\n${table}\n${after}`),
  )
}
