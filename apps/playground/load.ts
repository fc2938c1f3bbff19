// Prints how soon a visitor sees the page, and the first sign-in: the medians of some visits with an empty cache.
import type { Browser } from 'playwright-core'
import { findChromium, launchChromium, openPage } from './test/browser.ts'
import { startDemonstration } from './test/demonstration.ts'

const VISITS = 9

/** Milliseconds since the visitor opened the address. */
interface Visit {
  /** Something is drawn. */
  painted: number
  /** Everything that the page itself names has arrived. */
  loaded: number
  /** The answer with the token is a row of the diagram. */
  signedIn: number
}

async function measure(): Promise<void> {
  const chromium = findChromium()
  if (!chromium) throw new Error('there is no chromium on PATH: install it, or name one in CHROMIUM')
  const demonstration = await startDemonstration()
  const browser = await launchChromium(chromium)
  try {
    const visits: Visit[] = []
    for (let i = 0; i < VISITS; i++) visits.push(await visit(browser, demonstration.address))
    for (const name of ['painted', 'loaded', 'signedIn'] as const) {
      const sorted = visits.map((each) => each[name]).sort((one, other) => one - other)
      const [median, slowest] = [sorted[VISITS >> 1], sorted.at(-1)].map((ms) => `${Math.round(ms ?? 0)} ms`)
      console.log(`${name.padEnd(8)}  median ${median}, slowest ${slowest} of ${VISITS}`)
    }
  } finally {
    await browser.close()
    await demonstration.close()
  }
}

async function visit(browser: Browser, address: string): Promise<Visit> {
  const { page } = await openPage(browser, address)
  await page.waitForSelector('.row[data-kind="sign-in.ok"]', { timeout: 60_000 })
  const measured = await page.evaluate(() => {
    const [navigation] = performance.getEntriesByType('navigation') as PerformanceNavigationTiming[]
    const paint = performance.getEntriesByName('first-contentful-paint')[0]
    return { painted: paint?.startTime ?? 0, loaded: navigation?.loadEventEnd ?? 0, signedIn: performance.now() }
  })
  await page.context().close()
  return measured
}

if (import.meta.main) await measure()
