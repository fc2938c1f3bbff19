// Writes docs/pictures/: the pictures at the beginning of the READMEs, taken from the running page.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from 'playwright-core'
import { findChromium, launchChromium, openPage, untilTold } from './test/browser.ts'
import { startDemonstration } from './test/demonstration.ts'

const FOLDER = join(import.meta.dirname, '..', '..', 'docs', 'pictures')

const LANGUAGES = [
  { name: 'en', locale: 'en-US', compare: 'Beside the tutorial’s code' },
  { name: 'zh', locale: 'zh-CN', compare: '和教程里的写法比' },
]

/** Takes two pictures in each language: a sign-in with its secrets, and ten requests beside the tutorial's code. */
export async function takePictures(): Promise<void> {
  const chromium = findChromium()
  if (!chromium) throw new Error('there is no chromium on PATH: install it, or name one in CHROMIUM')
  mkdirSync(FOLDER, { recursive: true })
  const browser = await launchChromium(chromium)
  try {
    for (const { name, locale, compare } of LANGUAGES) {
      // A service of its own: an earlier visitor has let time pass.
      const demonstration = await startDemonstration()
      const options = { locale, viewport: { width: 1280, height: 800 }, colorScheme: 'light' as const }

      const { page } = await openPage(browser, `${demonstration.address}/#first`, options)
      await untilTold(page)
      await page.click('.row[data-kind="sign-in.ok"]')
      await shoot(page, `first.${name}.png`)

      await page.selectOption('.scenario select', 'ten')
      await page.waitForFunction(() => location.hash === '#ten')
      await untilTold(page)
      await page.getByRole('button', { name: compare }).click()
      await untilTold(page)
      await shoot(page, `ten.${name}.png`)
      await demonstration.close()
    }
  } finally {
    await browser.close()
  }
}

async function shoot(page: Page, name: string): Promise<void> {
  // Stories were told fast; a reader finds the usual speed.
  await page.selectOption('.player select', '1')
  await page.screenshot({ path: join(FOLDER, name) })
}

if (import.meta.main) await takePictures()
