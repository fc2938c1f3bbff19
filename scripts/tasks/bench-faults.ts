import { build } from './build.ts'

await build(['packages/emulator'])
await import('../../packages/client/bench/faults/run.ts')
