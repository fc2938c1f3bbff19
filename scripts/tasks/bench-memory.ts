// `npm run bench:memory`: what a session takes in Redis.
import { build } from './build.ts'

await build(['apps/server'])
await import(new URL('../../apps/server/bench/run-memory.ts', import.meta.url).href)
