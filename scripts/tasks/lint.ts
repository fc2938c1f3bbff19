// Everything about the code that is not a test: build, types and size, format, lint and dependency rules, unused code,
// and what the packages look like to those who install them.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describeOutdated, findOutdated } from '../measured-code.ts'
import { ROOT } from '../root.ts'
import { runTool } from '../tool.ts'
import { build } from './build.ts'

const CHECKS: readonly (readonly [tool: string, ...args: string[]])[] = [
  ['biome', 'ci', '--error-on-warnings', '--colors=off', '.'],
  ['knip'],
  ...['shared', 'client', 'fastify', 'emulator'].map(
    (name) => ['publint', '--strict', '--pack=npm', `packages/${name}`] as const,
  ),
]

await build()
const results = { passed: 1, failed: 0 }
for (const [tool, ...args] of CHECKS) {
  const passed = (await runTool(tool, args)) === 0
  process.stdout.write(`${passed ? 'ok  ' : 'FAIL'} ${tool} ${args.join(' ')}\n`)
  results[passed ? 'passed' : 'failed'] += 1
}
// A benchmark takes minutes on a quiet machine, so that this is no failure before a release (CONTRIBUTING.md).
for (const line of describeOutdated(await findOutdated())) process.stdout.write(`note ${line}`)
mkdirSync(join(ROOT, '.cache'), { recursive: true })
writeFileSync(join(ROOT, '.cache', 'lint-results.json'), JSON.stringify(results))
process.exitCode = results.failed === 0 ? 0 : 1
