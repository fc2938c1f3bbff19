import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach } from 'vitest'
import { launchApp } from '../../src/host/launch-app.ts'
import type { RunningApp } from '../../src/host/running-app.ts'
import { createManualPhone } from '../manual-phone.ts'

/** The files of a mini-program by path; what is not given is made up so that the app starts. */
export type SmallApp = Record<string, string | object>

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanups.splice(0).reverse()) await cleanUp()
})

const silent = { log() {}, info() {}, warn() {}, error() {}, debug() {} }

/** Writes a mini-program with one page, `pages/home/home`, into a temporary folder. */
export function writeApp(files: SmallApp): string {
  const folder = mkdtempSync(join(tmpdir(), 'small-app-'))
  cleanups.push(() => rmSync(folder, { recursive: true }))
  const all: SmallApp = {
    'app.json': { pages: ['pages/home/home'] },
    'app.js': 'App({})',
    ...(files['pages/home/home.ts'] === undefined && { 'pages/home/home.js': 'Page({})' }),
    'pages/home/home.wxml': '<view/>',
    ...files,
  }
  for (const [path, content] of Object.entries(all)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), typeof content === 'string' ? content : JSON.stringify(content))
  }
  return folder
}

/** Launches it. */
export async function launchSmallApp(files: SmallApp, path?: string): Promise<RunningApp> {
  const { device } = createManualPhone()
  const app = await launchApp({ folder: writeApp(files), device, console: silent, ...(path && { path }) })
  cleanups.push(() => app.close())
  return app
}

/** The texts of its errors. */
export function errorsOf(app: RunningApp): string[] {
  return app.errors.map(({ message }) => message)
}
