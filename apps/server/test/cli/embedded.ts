import { pino } from 'pino'
import { onTestFinished } from 'vitest'
import { buildApp } from '../../src/app.ts'
import { parseConfig } from '../../src/config.ts'
import { openServiceApi } from '../../src/service-api/open.ts'
import { openStores } from '../../src/stores.ts'
import { makeFolder } from './folder.ts'

const log = pino({ level: 'silent' })

/** A service that has the embedded stores of a folder open, as `main.ts` starts it. */
export async function startEmbedded() {
  const dir = makeFolder()
  const env = { WECHAT_APPID: 'wx1', WECHAT_SECRET: 's', DATA_DIR: dir }
  const config = parseConfig(env)
  const stores = await openStores(config, log)
  const app = await buildApp({ ...config, ...stores, log })
  await app.ready()
  const service = await openServiceApi(config, app, log, { openUpkeep: stores.openUpkeep })
  onTestFinished(async () => {
    await service.close()
    await app.close()
    await stores.close()
  })
  return { dir, env, app, stores }
}
