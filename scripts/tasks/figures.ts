// `npm run bench -- figures`: writes what was measured, and the client's size, into the documents. With `--release` it fails
// where a result was measured before its code changed.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildClient, sharesOf } from '../../packages/client/build.mts'
import { clientFigures, measuredFigures, write } from '../figures.ts'
import { describeOutdated, findOutdated } from '../measured-code.ts'
import { ROOT } from '../root.ts'

const size = await buildClient()
for (const figure of [...measuredFigures(), ...clientFigures(size, await sharesOf(size))]) {
  const file = join(ROOT, figure.file)
  const before = readFileSync(file, 'utf8')
  const after = write(before, figure)
  if (after === null) {
    process.stderr.write(`${figure.file} no longer says: ${figure.sentence}\n`)
    process.exitCode = 1
  } else if (after !== before) {
    writeFileSync(file, after)
    process.stderr.write(`written into ${figure.file}: ${figure.sentence}\n`)
  }
}

const outdated = describeOutdated(await findOutdated())
for (const line of outdated) process.stderr.write(line)
if (outdated.length > 0 && process.argv.includes('--release')) process.exitCode = 1
