import { build } from './tasks/build.ts'
import { runTool } from './tool.ts'

/** Builds everything, runs the tests of the chosen projects, and leaves what came out in `.cache/<results>.json`. */
export async function runTests(results: string, projects: readonly string[]): Promise<void> {
  await build()
  const report = ['--reporter=default', '--reporter=json', `--outputFile.json=.cache/${results}.json`]
  process.exitCode = await runTool('vitest', ['run', ...projects, ...report, ...process.argv.slice(2)])
}
