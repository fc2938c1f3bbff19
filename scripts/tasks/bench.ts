// `npm run bench`: what the guard and a sign-in cost, beside what others cost.
import { build } from './build.ts'

await build(['apps/server'])
await import(new URL('../../apps/server/bench/run.ts', import.meta.url).href)
