import { buildServerWhenStale } from '../build.ts'

/** Tests start the bundled service; it is bundled anew when something has changed and `npm run build` was not run. */
export async function setup(): Promise<void> {
  await buildServerWhenStale()
}
