import { execFileSync } from 'node:child_process'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'

/** Debian's Chromium; elsewhere `CHROMIUM` says where one is. */
export function findChromium(): string | null {
  if (process.env.CHROMIUM) return process.env.CHROMIUM
  try {
    return execFileSync('which', ['chromium'], { encoding: 'utf8' }).trim()
  } catch {
    return null
  }
}

export function launchChromium(executablePath: string): Promise<Browser> {
  return chromium.launch({ executablePath, args: ['--no-sandbox'] })
}

export interface OpenPage {
  page: Page
  /** What should never happen: errors on the console, requests that leave the machine. */
  complaints: string[]
}

/** A page on which every error and every foreign request is noted. */
export async function openPage(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<OpenPage> {
  const context = await browser.newContext({ locale: 'zh-CN', viewport: { width: 1280, height: 800 }, ...options })
  const page = await context.newPage()
  const complaints: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error' && !isAnswerOfTheStory(message.text())) complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error.stack)))
  page.on('request', (request) => {
    if (!request.url().startsWith(new URL(url).origin) && !/^(data|blob|about):/.test(request.url())) {
      complaints.push(`a request to ${request.url()}`)
    }
  })
  await page.goto(url)
  return { page, complaints }
}

/** A browser logs each answer of 400 and above; in these stories they are what is shown. */
function isAnswerOfTheStory(text: string): boolean {
  return /^Failed to load resource: the server responded with a status of (401|403|409|400|429|5\d\d)/.test(text)
}

/** What the page keeps for tests, see main.tsx. */
interface Playground {
  player: {
    speed: { value: number }
    step: { value: number }
    isBusy: { value: boolean }
    isPlaying: { value: boolean }
    problem: { value: string }
    scenario: { value: { steps: unknown[] } }
  }
  failedChecks(): string[]
}

/** Waits until the story of the address has been told to its end. */
export async function untilTold(page: Page): Promise<void> {
  await page.waitForFunction(() => 'playground' in globalThis)
  await page.evaluate(() => {
    ;(globalThis as unknown as { playground: Playground }).playground.player.speed.value = 20
  })
  await page.waitForFunction(
    () => {
      const { player } = (globalThis as unknown as { playground: Playground }).playground
      return !player.isBusy.value && player.step.value === player.scenario.value.steps.length
    },
    undefined,
    { timeout: 90_000 },
  )
  const problem = await page.evaluate(
    () => (globalThis as unknown as { playground: Playground }).playground.player.problem.value,
  )
  if (problem !== '') throw new Error(problem)
}

export function failedChecks(page: Page): Promise<string[]> {
  return page.evaluate(() => (globalThis as unknown as { playground: Playground }).playground.failedChecks())
}
