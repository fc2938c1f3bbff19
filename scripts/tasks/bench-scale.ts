// `npm run bench:scale`: whether five million sessions make anything slower.
import { build } from './build.ts'

await build(['apps/server'])
await import(new URL('../../apps/server/bench/run-scale.ts', import.meta.url).href)
