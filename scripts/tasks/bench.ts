// `npm run bench -- <name>`: one of the benchmarks. What follows the name goes to the benchmark itself.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { noteCode } from '../measured-code.ts'
import { ROOT } from '../root.ts'
import { build } from './build.ts'

interface Benchmark {
  what: string
  file: string
}

const BENCHMARKS: Record<string, Benchmark> = {
  guard: { what: 'what the guard costs, beside what others cost', file: 'apps/server/bench/run-guard.ts' },
  'sign-in': { what: 'what a sign-in costs, beside what others cost', file: 'apps/server/bench/run-sign-in.ts' },
  start: { what: 'what a start takes', file: 'apps/server/bench/run-start.ts' },
  memory: { what: 'what a session takes in Redis', file: 'apps/server/bench/run-memory.ts' },
  disk: { what: 'what a user and an event take in the database', file: 'apps/server/bench/run-disk.ts' },
  scale: { what: 'whether five million sessions make anything slower', file: 'apps/server/bench/run-scale.ts' },
  import: { what: 'how fast users come in from a CSV file', file: 'apps/server/bench/run-import.ts' },
  users: { what: 'sign-ins with a phone code, avatars and erasures', file: 'apps/server/bench/run-users.ts' },
  sockets: { what: 'what 10 000 open WebSockets take', file: 'apps/server/bench/run-sockets.ts' },
  seeing: { what: 'what metrics and traces take of a guarded request', file: 'apps/server/bench/run-seeing.ts' },
  storm: { what: 'Redis emptied under 10 000 phones', file: 'apps/server/bench/run-storm.ts' },
  faults: { what: 'the client and other libraries under faults', file: 'packages/client/bench/faults/run.ts' },
  figures: { what: 'no benchmark: writes what was measured into the documents', file: 'scripts/tasks/figures.ts' },
  cost: { what: 'what a warm request costs in the client', file: 'packages/client/bench/cost/run.ts' },
}

const [name = ''] = process.argv.splice(2, 1)
const benchmark = Object.hasOwn(BENCHMARKS, name) ? BENCHMARKS[name] : undefined
if (benchmark) {
  await build()
  await noteCode(() => import(pathToFileURL(join(ROOT, benchmark.file)).href))
} else {
  const lines = Object.entries(BENCHMARKS).map(([each, { what }]) => `  npm run bench -- ${each.padEnd(8)} ${what}`)
  process.stderr.write(`weapp-auth: there is no benchmark called '${name}'. There are:\n${lines.join('\n')}\n`)
  process.exitCode = 1
}
