// `npm run bench:scale`: what a session takes in Redis, and whether five million of them make anything slower.
import { build } from './build.ts'

await build(['apps/server'])
await import(new URL('../../apps/server/bench/run-scale.ts', import.meta.url).href)
