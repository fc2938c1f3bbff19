// `npm run bench:storm`: Redis emptied under 10 000 phones, and how they all sign in again.
import { build } from './build.ts'

await build(['apps/server', 'packages/client'])
await import(new URL('../../apps/server/bench/run-storm.ts', import.meta.url).href)
