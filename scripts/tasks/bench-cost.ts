import { build } from './build.ts'

await build(['packages/emulator'])
await import('../../packages/client/bench/cost/run.ts')
