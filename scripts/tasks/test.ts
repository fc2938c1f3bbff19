// Builds everything, types of the tests included, then runs them. Arguments go to the test runner: `npm test -- client`.
import { runTool } from '../tool.ts'
import { build } from './build.ts'

await build()
const report = ['--reporter=default', '--reporter=json', '--outputFile.json=.cache/test-results.json']
process.exitCode = await runTool('vitest', ['run', ...report, ...process.argv.slice(2)])
