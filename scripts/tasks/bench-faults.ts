import { build } from './build.ts'

await build(['packages/emulator'])
await import(new URL('../../packages/client/bench/faults/run.ts', import.meta.url).href)
