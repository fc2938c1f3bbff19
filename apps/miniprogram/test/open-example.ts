import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createDevice, type Device, launchApp, localLink, type RunningApp } from '@weapp-auth/emulator'
import { expect, onTestFinished } from 'vitest'
import type { AppDeps } from '../../server/src/app.ts'
import { demo } from '../../server/src/demo.ts'
import { type Service, startService } from '../../server/test/service.ts'

export const FOLDER = join(import.meta.dirname, '..')
export const BUILT = join(FOLDER, 'dist')

/** A limit against a hang, and no promise. */
export const SLOW_MACHINE = { timeoutMs: 30_000 }

/** The built example with the other value of `FIRST_SIGN_IN`: a folder that is gone after the test. */
export function buildWaitingForTap(): string {
  const folder = mkdtempSync(join(tmpdir(), 'weapp-auth-tap-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  cpSync(BUILT, folder, { recursive: true })
  const config = readFileSync(join(folder, 'config.js'), 'utf8')
  expect(config).toContain('"silent"')
  writeFileSync(join(folder, 'config.js'), config.replace('"silent"', '"tap"'))
  return folder
}

/** The real service with the routes of the demonstration. */
export async function startDemo(
  column: Parameters<typeof startService>[0],
  sockets: NonNullable<AppDeps['sockets']> = {},
): Promise<Service> {
  return startService(
    column,
    async (app) => {
      await app.register(demo)
    },
    // As in the demonstration: a machine that is late is no reason to refuse these phones.
    { sockets },
  )
}

export function createDeviceOf({ world, baseUrl }: Service): Device {
  return createDevice({
    link: localLink(world),
    appid: world.apps[0]?.appid ?? '',
    resolve: (url) => new URL(url.pathname + url.search, baseUrl),
  })
}

export async function openProfile(app: RunningApp): Promise<void> {
  await app.switchTab('pages/profile/profile')
  await app.settled()
}

export async function openOrders(service: Service, device?: Device): Promise<{ app: RunningApp; device: Device }> {
  const opened = await open(service, device)
  await opened.app.tap('#to-orders')
  await opened.app.waitFor(
    () => opened.app.exists('#live') && opened.app.text('#live').startsWith('茶泡好了'),
    SLOW_MACHINE,
  )
  return opened
}

export async function open(
  service: Service,
  device = createDeviceOf(service),
  folder = FOLDER,
): Promise<{ app: RunningApp; device: Device }> {
  const app = await launchApp({ folder, device, console: { ...console, warn: () => {} } })
  onTestFinished(() => app.close())
  await app.settled()
  return { app, device }
}
