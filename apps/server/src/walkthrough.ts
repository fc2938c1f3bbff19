import { fileURLToPath } from 'node:url'
import { createClock, createDevice, type Device, launchApp, localLink, type RunningApp } from '@weapp-auth/emulator'
import type { Emulation } from './emulation.ts'
import { renderEntry, renderSummary } from './trace.ts'

const EXAMPLE = fileURLToPath(new URL('../../miniprogram/dist', import.meta.url))

export interface WalkthroughOptions {
  emulation: Emulation
  /** Where the service listens. */
  address: string
  sessionIdleSeconds: number
  print: (line: string) => void
}

/**
 * Runs the example mini-program on emulated phones against the service that has just started, and prints what the
 * emulator's ledger recorded: sign-in, two silent re-logins, a sign-out from another phone that stays.
 *
 * Resolves to whether the user saw what a user should see at every step.
 */
export async function walkThrough({
  emulation,
  address,
  sessionIdleSeconds,
  print,
}: WalkthroughOptions): Promise<boolean> {
  const { world } = emulation
  const { ledger } = world
  const apps: RunningApp[] = []
  const stopPrinting = ledger.onEntry((entry) => {
    const line = renderEntry(entry)
    if (line !== null) print(line)
  })
  const from = ledger.entries().length

  async function open(name: string): Promise<{ app: RunningApp; device: Device }> {
    const device = createDevice({
      link: localLink(world),
      appid: emulation.apps[0]?.appid ?? '',
      name,
      clock: createClock(),
      resolve: (url) => new URL(url.pathname + url.search, address),
    })
    const app = await launchApp({ folder: EXAMPLE, device, console: { ...console, log: () => {}, warn: () => {} } })
    apps.push(app)
    return { app, device }
  }

  function passIdleLifetime(device: Device | null): void {
    const ms = (sessionIdleSeconds + 60) * 1000
    for (const [clock, owner] of device
      ? [[device.clock, 'phone'] as const, [world.clock, 'wechat'] as const]
      : [[world.clock, 'wechat'] as const]) {
      clock.advance(ms)
      ledger.add({ side: 'control', event: 'clock.advance', clock: owner, ms })
    }
  }

  try {
    const a = await open('phone A')
    await shows(a.app, '#products')

    passIdleLifetime(a.device)
    await refresh(a.app)
    await shows(a.app, '#products')

    passIdleLifetime(null)
    await refresh(a.app)
    await shows(a.app, '#products')

    const b = await open('phone B')
    await shows(b.app, '#products')
    await b.app.tap('#to-profile')
    await b.app.settled()
    await b.app.tap('#sign-out-others')
    await b.app.settled()

    await refresh(a.app)
    await shows(a.app, '#signed-out')
    await refresh(a.app)
    await shows(a.app, '#signed-out')
    await a.app.tap('#login >>> .login')
    await shows(a.app, '#products')
    return true
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error
    print(`\n   ${error.message}`)
    return false
  } finally {
    stopPrinting()
    for (const app of apps) await app.close()
    print(`\n${renderSummary(ledger.entries().slice(from))}\n`)
  }
}

/** What the user should see is not there. */
class StepFailed extends Error {}

async function refresh(app: RunningApp): Promise<void> {
  await app.pullDownRefresh()
}

async function shows(app: RunningApp, selector: string): Promise<void> {
  await app.settled()
  if (!app.exists(selector)) throw new StepFailed(`the page should show ${selector} and shows: ${app.text('.card')}`)
}
