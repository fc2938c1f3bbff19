import { fileURLToPath } from 'node:url'
import { createDevice, type Device, launchApp, localLink, type RunningApp, type World } from '@weapp-auth/emulator'
import type { DemoTexts } from './demo-texts.ts'
import type { Emulation } from './emulation.ts'
import { createTrace, renderSummary } from './trace.ts'

const EXAMPLE = fileURLToPath(new URL('../../miniprogram/dist', import.meta.url))
const USER = 'alice'

/** What the app logs is not part of the trace; its errors are in the ledger. */
const SILENT = { log() {}, info() {}, debug() {}, warn() {}, error() {} }

/** What {@link walkThrough} runs against. */
export interface WalkthroughOptions {
  emulation: Emulation
  /** Where the service listens. */
  address: string
  sessionIdleSeconds: number
  /** In the language of the person who reads what is printed. */
  texts: DemoTexts
  print: (line: string) => void
}

/**
 * Runs the example mini-program on emulated phones against the service that has just started, and prints what the
 * emulator's ledger recorded. Resolves to whether the user saw what a user should see at every step.
 */
export async function walkThrough(options: WalkthroughOptions): Promise<boolean> {
  const { ledger } = options.emulation.world
  const stopPrinting = ledger.onEntry(createTrace(options.print, options.texts))
  const from = ledger.entries().length
  const running = new Map<Device, RunningApp>()
  try {
    await playSteps(options, running)
    return true
  } catch (error) {
    options.print(`\n   ${error instanceof Error ? error.message : String(error)}`)
    return false
  } finally {
    stopPrinting()
    for (const app of running.values()) await app.close()
    options.print(`\n${renderSummary(ledger.entries().slice(from), options.texts)}\n`)
  }
}

async function playSteps(
  { emulation, address, sessionIdleSeconds, texts }: WalkthroughOptions,
  running: Map<Device, RunningApp>,
): Promise<void> {
  const { world } = emulation
  const appid = emulation.apps[0]?.appid ?? ''

  function createDeviceOf(name: string): Device {
    const resolve = (url: URL) => new URL(url.pathname + url.search, address)
    return createDevice({ link: localLink(world), appid, user: USER, name, resolve })
  }

  /** Opens the mini-program on a phone, anew if it is open there. */
  async function open(device: Device): Promise<RunningApp> {
    await running.get(device)?.close()
    const app = await launchApp({ folder: EXAMPLE, device, console: SILENT })
    running.set(device, app)
    return app
  }

  const passIdleLifetime = (whose: Device | World) => whose.advance((sessionIdleSeconds + 1) * 1000)

  // Nothing stored: one login.
  const phone = createDeviceOf(texts.phone('A'))
  let app = await open(phone)
  await shows(app, '#products')

  // Stored and valid: no login, no exchange.
  app = await open(phone)
  await shows(app, '#products')

  // WeChat's session_key has died: one login.
  world.expireSessionKey(USER, appid)
  app = await open(phone)
  await shows(app, '#products')

  // Offline: checkSession says nothing, so the session stays and serves when the network is back.
  phone.network.setOnline(false)
  app = await open(phone)
  await shows(app, '#offline')
  phone.network.setOnline(true)
  await app.tap('#retry')
  await shows(app, '#products')

  // The session expires: first by the phone's own clock, then by the service's alone.
  passIdleLifetime(phone)
  passIdleLifetime(world)
  await app.pullDownRefresh()
  await shows(app, '#products')
  passIdleLifetime(world)
  await app.pullDownRefresh()
  await shows(app, '#products')

  // Signed out from another phone: no login until the user taps.
  const other = await open(createDeviceOf(texts.phone('B')))
  await shows(other, '#products')
  await other.switchTab('pages/profile/profile')
  await shows(other, '#to-devices')
  await other.tap('#to-devices')
  await shows(other, '#sign-out-others')
  await other.tap('#sign-out-others')
  await other.settled()
  await app.pullDownRefresh()
  await shows(app, '#signed-out')
  await app.pullDownRefresh()
  await shows(app, '#signed-out')
  await app.tap('#login >>> .login')
  await shows(app, '#products')
}

async function shows(app: RunningApp, selector: string): Promise<void> {
  await app.settled()
  if (!app.exists(selector)) throw new Error(`the page should show ${selector}, and shows:\n${app.html()}`)
}
