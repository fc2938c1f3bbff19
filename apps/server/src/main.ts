// The one file with effects: reads the environment, opens connections, listens, closes.
import { parseArgs } from 'node:util'
import closeWithGrace from 'close-with-grace'
import type { Logger } from 'pino'
import { buildApp } from './app.ts'
import { parseConfig } from './config.ts'
import { DEMO_TEXTS } from './demo-texts.ts'
import type { Emulation } from './emulation.ts'
import { chooseLanguage, type Language } from './language.ts'
import { createLog } from './log.ts'
import type { TakeSecrets } from './reload.ts'
import { readSecretFiles, secretsInFiles } from './secret-files.ts'
import { openServiceApi } from './service-api/open.ts'
import { explainStartError } from './start-error.ts'
import { openStores } from './stores.ts'

/** The process ends after this time, whatever is still open: an orchestrator's own deadline is usually ten seconds. */
const STOP_TIMEOUT_MS = 9_000

let language: Language = 'en'
await main().catch(endWith)

async function main(): Promise<void> {
  const { values: options } = parseArgs({
    options: {
      walkthrough: { type: 'boolean', default: false },
      fault: { type: 'string', multiple: true, default: [] },
      lang: { type: 'string' },
    },
  })
  language = chooseLanguage(options.lang)
  const texts = DEMO_TEXTS[language]
  const config = parseConfig(readSecretFiles(process.env, language), language)
  const log = createLog(config.logLevel)
  const reload = secretsInFiles(process.env).length > 0 ? await reloadOnHangup(log) : null
  // Files of the embedded stores hold openids and keys: only this user may read them.
  process.umask(0o077)

  const closers: (() => Promise<void>)[] = []
  closeWithGrace({ delay: STOP_TIMEOUT_MS, logger: log, ...(reload && { skip: ['SIGHUP'] }) }, async () => {
    for (const close of closers.reverse()) await close()
  })

  const emulation = config.emulator ? await (await import('./emulation.ts')).startEmulation(config) : null
  if (emulation) closers.push(emulation.close)
  const isSeen = config.service !== null || config.tracesTo !== null
  const seeing = isSeen ? await (await import('./seeing/seeing.ts')).openSeeing(config, log) : null
  if (seeing) closers.push(seeing.close)
  const opened = await openStores(config, log)
  closers.push(opened.close)
  void opened.unusable.then(endWith)
  const stores = seeing?.observe(opened) ?? opened
  const hook = config.signInHook ? await openHook(config.signInHook, log) : null
  if (hook) closers.push(hook.close)
  const eventHook = config.eventHook ? (await import('./hooks/event-hook.ts')).openEventHook(config.eventHook) : null
  if (eventHook) closers.push(eventHook.close)
  const app = await buildApp({
    ...config,
    ...emulation,
    ...(emulation?.watch(stores) ?? stores),
    ...(seeing && { beforeRoutes: seeing.beforeRoutes }),
    ...(hook && { onSignIn: hook.onSignIn }),
    events: { ...stores.events, ...(eventHook && { onEvent: eventHook.onEvent }) },
    log,
  })
  closers.push(() => app.close())
  await emulation?.mount(app)
  const address = await app.listen({ host: config.host, port: config.port })
  const parts = { metrics: seeing?.metrics ?? undefined, openUpkeep: stores.openUpkeep, ring: stores.ring }
  const service = await openServiceApi(config, app, log, parts)
  closers.push(service.close)
  const takeApps: TakeSecrets =
    async ({ apps }) =>
    () =>
      app.weappAuth.replaceApps(apps)
  reload?.ready([stores.takeKeyRing, service.takeTokens, ...(emulation ? [] : [takeApps])])

  const appids = (emulation ?? config).apps.map(({ appid }) => appid).join(', ')
  if (emulation) await demonstrate(emulation)
  else say(`signing in users of ${appids} through ${config.wechatApiBaseUrl}, on ${address}`)
  if (service.address) say(`the service API listens, for holders of service tokens, on ${service.address}`)

  async function demonstrate(emulation: Emulation): Promise<void> {
    say(texts.emulated(appids))
    if (options.walkthrough) {
      for (const fault of options.fault) emulation.setFault(fault)
      const { walkThrough } = await import('./walkthrough.ts')
      const { sessionIdleSeconds } = config
      const succeeded = await walkThrough({ emulation, address, sessionIdleSeconds, texts, print: console.log })
      if (!succeeded) throw new Error(texts.failed)
    }
    say(texts.serving(address))
  }
}

/** The program of the team that is asked at each sign-in. */
async function openHook(about: { url: string; secret: string }, log: Logger) {
  const { openSignInHook } = await import('./hooks/sign-in-hook.ts')
  return openSignInHook({ ...about, warn: (message) => log.warn(message) })
}

/** From now on `SIGHUP` reads the secrets in files again, and ends the process no more. */
async function reloadOnHangup(log: Logger): Promise<{ ready(parts: readonly TakeSecrets[]): void }> {
  const { createReload } = await import('./reload.ts')
  const { promise: parts, resolve: ready } = Promise.withResolvers<readonly TakeSecrets[]>()
  const reload = createReload({ env: process.env, parts, log })
  process.on('SIGHUP', () => void reload())
  return { ready }
}

function endWith(error: unknown): void {
  say(explainStartError(error, process.env, language))
  process.exit(1)
}

function say(line: string): void {
  process.stderr.write(`weapp-auth: ${line}\n`)
}
