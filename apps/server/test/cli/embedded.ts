import { pino } from 'pino'
import { onTestFinished } from 'vitest'
import { buildApp } from '../../src/app.ts'
import { parseConfig } from '../../src/config.ts'
import { openServiceApi } from '../../src/service-api/open.ts'
import { openStores } from '../../src/stores.ts'
import { makeFolder } from './folder.ts'

const log = pino({ level: 'silent' })

const APP = { WECHAT_APPID: 'wx1', WECHAT_SECRET: 's' }

/** A service that has the embedded stores of a folder open, as `main.ts` starts it. */
export async function startEmbedded(dir: string = makeFolder(), settings: Record<string, string> = APP) {
  const env: Record<string, string> = { ...settings, DATA_DIR: dir }
  const config = parseConfig(env)
  const stores = await openStores(config, log)
  // A busy machine is not what a test is about.
  const app = await buildApp({ ...config, ...stores, maxEventLoopDelayMs: 0, log })
  await app.ready()
  const service = await openServiceApi(config, app, log, { openUpkeep: stores.openUpkeep })
  let closed: Promise<void> | undefined
  const close = () => {
    closed ??= service
      .close()
      .then(() => app.close())
      .then(() => stores.close())
    return closed
  }
  onTestFinished(close)
  return { dir, env, app, stores, close }
}
