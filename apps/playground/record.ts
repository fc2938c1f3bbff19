// Writes recordings/: every story as it happens in the real page, with the real service behind it.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { type RecordedScreen, type RecordedStep, type Recording, recordingName } from './src/recorded/recording.ts'
import { SCENARIOS } from './src/scenarios.ts'
import type { LiveStage } from './src/stage/stage.ts'
import { findChromium, launchChromium, openPage } from './test/browser.ts'
import { startDemonstration } from './test/demonstration.ts'

const FOLDER = join(import.meta.dirname, 'recordings')

/** Records all stories, and some of them beside the tutorial's code as well, into `recordings/`. Needs Chromium. */
export async function recordAll(): Promise<void> {
  const chromium = findChromium()
  if (!chromium) throw new Error('there is no chromium on PATH: install it, or name one in CHROMIUM')
  rmSync(FOLDER, { recursive: true, force: true })
  mkdirSync(FOLDER, { recursive: true })
  for (const { id, isRecordedBeside } of SCENARIOS) {
    for (const isComparing of isRecordedBeside ? [false, true] : [false]) {
      // A service of its own: an earlier story has let time pass.
      const demonstration = await startDemonstration()
      const browser = await launchChromium(chromium)
      try {
        const { page } = await openPage(browser, demonstration.address)
        const recording = await recordStory(page, id, isComparing)
        writeFileSync(join(FOLDER, recordingName(id, isComparing)), `${JSON.stringify(recording)}\n`)
        process.stderr.write(`recorded ${recordingName(id, isComparing)}\n`)
      } finally {
        await browser.close()
        await demonstration.close()
      }
    }
  }
}

/** Plays one story in the live page and takes down what happened. */
export async function recordStory(page: Page, scenario: string, isComparing: boolean): Promise<Recording> {
  await page.waitForFunction(() => 'playground' in globalThis)
  const taken = await page.evaluate(takeDown, { scenario, isComparing })
  return { scenario, isComparing, ...withOwnTime(taken) }
}

/** What the page keeps for us, see main.tsx. */
interface Playground {
  stage: LiveStage
  player: {
    start(id: string): Promise<boolean>
    forward(): Promise<void>
    scenario: { value: { steps: unknown[] } }
    problem: { value: string }
  }
}

type Taken = Omit<Recording, 'scenario' | 'isComparing'>

/** Runs in the page. */
async function takeDown({ scenario, isComparing }: { scenario: string; isComparing: boolean }): Promise<Taken> {
  const { stage, player } = (globalThis as unknown as { playground: Playground }).playground
  const pages: string[] = []
  const screens: RecordedScreen[] = []
  const last = new Map<string, string>()

  function look(): void {
    const frames = document.querySelectorAll<HTMLIFrameElement>('.phone iframe')
    stage.shown.value.forEach(({ name, track, phone }, index) => {
      const html = frames[index]?.contentDocument?.body?.innerHTML ?? ''
      const { path, depth, toast } = phone.chrome.value
      const seen = JSON.stringify([html, path, depth, toast])
      if (last.get(phone.name) === seen) return
      last.set(phone.name, seen)
      if (!pages.includes(html)) pages.push(html)
      const device = { device: phone.name, name, track }
      screens.push({ atMs: Date.now(), phone: device, page: pages.indexOf(html), path, depth, toast })
    })
  }

  stage.comparing.value = isComparing
  await player.start(scenario)
  const timer = setInterval(look, 30)
  const steps: RecordedStep[] = []
  for (const _ of player.scenario.value.steps) {
    const startMs = Date.now()
    look()
    await player.forward()
    look()
    if (player.problem.value !== '') throw new Error(`${scenario}: ${player.problem.value}`)
    steps.push({ startMs, endMs: Date.now(), events: [], screens: [] })
  }
  clearInterval(timer)
  const at = (ms: number) => steps.findLast(({ startMs }) => startMs <= ms) ?? steps[0]
  for (const event of stage.timeline.events.value) at(event.atMs)?.events.push(event)
  for (const screen of screens) at(screen.atMs)?.screens.push(screen)
  return { steps, pages: await Promise.all(pages.map(withOwnPictures)) }

  /** The same page with its pictures in it: neither the service nor the phone that has them will be there. */
  async function withOwnPictures(html: string): Promise<string> {
    let own = html
    for (const [, address = ''] of html.matchAll(/ src="((?:blob|http)[^"]+)"/g)) {
      const image = new Image()
      image.src = address
      await image.decode()
      const canvas = document.createElement('canvas')
      canvas.width = image.naturalWidth
      canvas.height = image.naturalHeight
      canvas.getContext('2d')?.drawImage(image, 0, 0)
      own = own.replaceAll(address, canvas.toDataURL('image/jpeg'))
    }
    return own
  }
}

/** Times since the beginning: a recording made today and one made tomorrow differ in little. */
function withOwnTime({ steps, pages }: Taken): Taken {
  const zeroMs = steps[0]?.startMs ?? 0
  const since = (ms: number) => Math.max(0, ms - zeroMs)
  return {
    pages,
    steps: steps.map(({ startMs, endMs, events, screens }) => ({
      startMs: since(startMs),
      endMs: since(endMs),
      events: events.map((event) => {
        const { atMs, startedAtMs } = event.entry
        const started = startedAtMs === undefined ? {} : { startedAtMs: since(startedAtMs) }
        return { ...event, atMs: since(event.atMs), entry: { ...event.entry, atMs: since(atMs), ...started } }
      }),
      screens: screens.map((screen) => ({ ...screen, atMs: since(screen.atMs) })),
    })),
  }
}

if (import.meta.main) await recordAll()
