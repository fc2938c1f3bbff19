import { existsSync, readFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import type { Browser } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SCENARIOS } from '../src/scenarios.ts'
import { findChromium, launchChromium, openPage, untilTold } from './browser.ts'

const HOME = join(import.meta.dirname, '..', 'home')
const TYPES: Record<string, string> = { '.js': 'text/javascript', '.css': 'text/css', '.html': 'text/html' }
const chromium = findChromium()

/** The static page, on a web host that knows nothing of it, below a path of its own. */
describe.skipIf(chromium === null && !process.env.CI)('the home page of the project', { timeout: 120_000 }, () => {
  let browser: Browser
  let host: Server
  let address: string

  beforeAll(async () => {
    browser = await launchChromium(chromium ?? 'chromium')
    host = createServer((request, response) => {
      const path = new URL(request.url ?? '', 'http://host').pathname.replace(/^\/weapp-auth\//, '')
      const file = join(HOME, path || 'index.html')
      if (existsSync(file)) response.setHeader('content-type', TYPES[extname(file)] ?? 'application/json')
      response.statusCode = existsSync(file) ? 200 : 404
      response.end(existsSync(file) ? readFileSync(file) : undefined)
    })
    await new Promise<void>((resolve) => host.listen(0, '127.0.0.1', resolve))
    address = `http://127.0.0.1:${(host.address() as AddressInfo).port}/weapp-auth/`
  })
  afterAll(async () => {
    await browser?.close()
    host?.close()
  })

  test('a story is played as it was recorded: rows, phone, details, and back', async () => {
    const { page, complaints } = await openPage(browser, `${address}#kicked`)
    await untilTold(page)
    expect(await page.frameLocator('iframe').first().locator('body').textContent()).not.toBe('')
    expect(await page.locator('figure.phone').count()).toBe(2)
    const rows = await page.locator('.row').count()
    expect(rows).toBeGreaterThan(20)
    await page.click('.row[data-kind="sign-in.ok"] >> nth=0')
    expect(await page.textContent('.details h2')).toBe('登录成功')
    const listing = await page.request.get(new URL((await page.getAttribute('.links a', 'href')) ?? '', address).href)
    expect(listing.status()).toBe(200)
    await page.getByRole('button', { name: '上一步' }).click()
    await expect.poll(() => page.locator('.row').count()).toBeLessThan(rows)
    expect(complaints).toEqual([])
    await page.context().close()
  })

  test('it says that it is a recording, and has no controls', async () => {
    const { page, complaints } = await openPage(browser, `${address}#first`, { locale: 'en-US' })
    await untilTold(page)
    expect(await page.textContent('.controls')).toContain('This is a recording')
    expect(await page.locator('[data-control]').count()).toBe(0)
    expect(complaints).toEqual([])
    await page.context().close()
  })

  test("the tutorial's code runs beside ours where that was recorded, and cannot be chosen elsewhere", async () => {
    const { page, complaints } = await openPage(browser, `${address}#ten`)
    await untilTold(page)
    await page.getByRole('button', { name: '和教程里的写法比' }).click()
    await expect.poll(() => page.locator('.counters').count()).toBe(2)
    await untilTold(page)
    const logins = async (track: string) => Number(await page.textContent(`.counters[data-track=${track}] dd >> nth=0`))
    expect([await logins('ours'), (await logins('theirs')) >= 10]).toEqual([2, true])
    await page.selectOption('.scenario select', 'first')
    await page.waitForFunction(() => location.hash === '#first')
    await untilTold(page)
    expect(await page.getByRole('button', { name: '和教程里的写法比' }).isDisabled()).toBe(true)
    expect(complaints).toEqual([])
    await page.context().close()
  })

  test.each(SCENARIOS.map(({ id }) => id))('the recording of %s has no token and no secret', (id) => {
    const text = readFileSync(join(HOME, 'playground', 'recordings', `${id}.json`), 'utf8')
    expect(text).not.toMatch(/wxs1\.[0-9a-f]{3}\.|"openid":"o[\w-]{20}/)
  })
})
