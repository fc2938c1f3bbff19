// `npm run invariants`: the client's invariants over 100 000 random schedules (or as many as the argument says), in as many
// processes as there are cores. A test run does some thousands of them; this is the long one.
import { availableParallelism } from 'node:os'
import { runTool } from '../tool.ts'
import { build } from './build.ts'

const schedules = Number(process.argv[2] ?? 100_000)
if (!(schedules > 0)) throw new TypeError('the number of schedules must be positive')

await build(['packages/emulator'])
const processes = availableParallelism()
process.env.WEAPP_AUTH_RUNS = String(Math.ceil(schedules / processes))
const begunMs = Date.now()
const run = () => runTool('vitest', ['run', '--project=here', 'packages/client/test/invariants.test.ts'])
const codes = await Promise.all(Array.from({ length: processes }, run))
process.exitCode = Math.max(...codes)
const minutes = ((Date.now() - begunMs) / 60_000).toFixed(1)
process.stdout.write(
  `${process.env.WEAPP_AUTH_RUNS} schedules in each of ${processes} processes, ${minutes} min: ${
    process.exitCode === 0 ? 'no invariant violated' : 'VIOLATED, see above'
  }\n`,
)
