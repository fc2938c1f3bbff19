import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { launchApp } from '../../src/host/launch-app.ts'
import type { RunningApp } from '../../src/host/running-app.ts'
import { createManualPhone } from '../manual-phone.ts'

/** The files of a mini-program by path; what is not given is made up so that the app starts. */
export type SmallApp = Record<string, string | object>

const silent = { log() {}, info() {}, warn() {}, error() {}, debug() {} }

/** Writes a mini-program with one page, `pages/home/home`, into a folder that is gone when the test is over. */
export function writeApp(files: SmallApp): string {
  const folder = mkdtempSync(join(tmpdir(), 'small-app-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
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

/** Launches it, and closes it when the test is over. */
export async function launchSmallApp(files: SmallApp, path?: string): Promise<RunningApp> {
  const { device } = createManualPhone()
  const app = await launchApp({ folder: writeApp(files), device, console: silent, ...(path && { path }) })
  onTestFinished(() => app.close())
  return app
}

/** The texts of its errors. */
export function errorsOf(app: RunningApp): string[] {
  return app.errors.map(({ message }) => message)
}
