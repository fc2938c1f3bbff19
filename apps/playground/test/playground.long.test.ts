import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import axe from 'axe-core'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { CONTROLS } from '../src/controls.ts'
import { outlineOf, type Recording, recordingName } from '../src/recorded/recording.ts'
import { SCENARIOS } from '../src/scenarios.ts'
import type { LiveStage } from '../src/stage/stage.ts'
import { failedChecks, findChromium, launchChromium, type OpenPage, openPage, untilTold } from './browser.ts'
import { type Demonstration, startDemonstration } from './demonstration.ts'

const chromium = findChromium()
const STALE = 'recordings/ shows something else than happens today: run `node apps/playground/record.ts`'
const NARROW = { viewport: { width: 360, height: 740 }, hasTouch: true }

/** The page in a real browser, against the real service. Stories take their time, and more on a busy machine. */
describe.skipIf(chromium === null && !process.env.CI)('the playground', { timeout: 120_000 }, () => {
  let demonstration: Demonstration
  let browser: Browser
  let opened: OpenPage | null = null

  beforeAll(async () => {
    demonstration = await startDemonstration()
    browser = await launchChromium(chromium ?? 'chromium')
  }, 60_000)
  afterAll(async () => {
    await browser?.close()
    await demonstration?.close()
  })
  afterEach(async () => {
    await opened?.page.context().close()
    opened = null
  })

  async function open(hash: string, options: Parameters<typeof openPage>[2] = {}): Promise<OpenPage> {
    opened = await openPage(browser, `${demonstration.address}/#${hash}`, options)
    return opened
  }

  test('a first sign-in is drawn without a click', async () => {
    const startedMs = performance.now()
    const { page, complaints } = await open('')
    await page.waitForSelector('.row[data-kind="sign-in.ok"]', { timeout: 30_000 })
    console.info(`the first sign-in was drawn after ${Math.round(performance.now() - startedMs)} ms`)
    await page.frameLocator('iframe').getByText('西湖龙井').waitFor()
    expect(complaints).toEqual([])
  })

  test.each(SCENARIOS.map(({ id }) => id))('the story %s ends as it says', async (id) => {
    const { page, complaints } = await open(id)
    await untilTold(page)
    await expect.poll(() => failedChecks(page)).toEqual([])
    expect(complaints).toEqual([])
    await expect.poll(() => outlineOfPage(page), { message: STALE }).toEqual(outlineOfRecording(id, false))
  })

  test.each(['再播一遍', '从头开始'])('a story that is over plays again to its end: %s', async (name) => {
    const { page } = await open('renewal')
    await untilTold(page)
    await page.getByRole('button', { name }).click()
    await page.getByRole('button', { name: '暂停' }).waitFor()
    await untilTold(page)
  })

  test('every row is an entry of a ledger, and every entry that matters has a row', async () => {
    const before = await ledgerOf(demonstration)
    const { page } = await open('kicked')
    await untilTold(page)
    const drawn = await page.$$eval('.row', (rows) =>
      rows.flatMap((row) => (row.getAttribute('data-events') ?? '').split(' ').filter(Boolean)),
    )
    expect(new Set(drawn).size).toBe(drawn.length)

    const entries = (await ledgerOf(demonstration)).slice(before.length)
    const shown = entries.filter(
      ({ side, event, phone }) => event === 'jscode2session' || (side === 'service' && phone),
    )
    const keys = shown.map(({ seq }) => `backstage:e${seq}`)
    expect(drawn.filter((key) => key.startsWith('backstage:e') && keys.includes(key)).sort()).toEqual(keys.sort())

    const device = await page.evaluate(() => {
      const { stage } = (
        globalThis as unknown as {
          playground: {
            stage: {
              everybody(): { device: { ledger: { entries(): { seq: number; side: string; event: string }[] } } }[]
            }
          }
        }
      ).playground
      return stage.everybody()[0]?.device.ledger.entries() ?? []
    })
    const calls = device.filter(({ event }) => /^wx\.(login|checkSession|request|\w+Storage)$/.test(event))
    expect(calls.length).toBeGreaterThan(10)
    for (const { seq } of calls) expect(drawn).toContain(`page:e${seq}`)
    const known = new Set([
      ...device.map(({ seq }) => `page:e${seq}`),
      ...entries.map(({ seq }) => `backstage:e${seq}`),
    ])
    for (const key of drawn) if (/:e\d/.test(key)) expect(known).toContain(key)
  })

  test("ours and the tutorial's code, after ten requests at once and an expired session", async () => {
    const { page, complaints } = await open('ten')
    await untilTold(page)
    await page.getByRole('button', { name: '和教程里的写法比' }).click()
    await expect.poll(() => page.locator('.counters').count()).toBe(2)
    await untilTold(page)
    const logins = async (track: string) => Number(await page.textContent(`.counters[data-track=${track}] dd >> nth=0`))
    await expect.poll(() => logins('theirs')).toBeGreaterThanOrEqual(10)
    expect(await logins('ours')).toBe(2)
    expect(complaints).toEqual([])
    await expect.poll(() => outlineOfPage(page), { message: STALE }).toEqual(outlineOfRecording('ten', true))
  })

  test("the tutorial's code loses a new session to a late 401, and waits for ever for a wx.login that hangs", async () => {
    const { page } = await open('late-401')
    await page.getByRole('button', { name: '和教程里的写法比' }).click()
    await untilTold(page)
    const counters = async (track: string) => {
      const [logins, codes, wasted, failed, pending] = await page
        .locator(`.counters[data-track=${track}] dd`)
        .allTextContents()
      return { logins, codes, wasted, failed, pending }
    }
    // At the start two places find no token, and each logs in.
    await expect.poll(() => counters('theirs')).toMatchObject({ logins: '4', wasted: '2' })
    expect(await counters('ours')).toMatchObject({ logins: '2', wasted: '0' })
    await expect.poll(() => outlineOfPage(page), { message: STALE }).toEqual(outlineOfRecording('late-401', true))

    await page.selectOption('.scenario select', 'stuck-login')
    await page.waitForFunction(() => location.hash === '#stuck-login')
    await untilTold(page)
    await expect.poll(async () => Number((await counters('theirs')).pending)).toBeGreaterThan(0)
    expect((await counters('ours')).pending).toBe('0')
    await expect.poll(() => outlineOfPage(page), { message: STALE }).toEqual(outlineOfRecording('stuck-login', true))
  })

  test('what the tutorial has no code for is told without it', async () => {
    const { page } = await open('first')
    await page.getByRole('button', { name: '和教程里的写法比' }).click()
    await expect.poll(() => page.locator('.counters').count()).toBe(2)
    await page.selectOption('.scenario select', 'profile')
    await page.waitForFunction(() => location.hash === '#profile')
    await expect.poll(() => page.locator('.counters').count()).toBe(0)
    expect(await page.getByRole('button', { name: '和教程里的写法比' }).isDisabled()).toBe(true)
  })

  test('every control works, and what is switched on is a chip until it is switched off', async () => {
    const { page, complaints } = await open('first')
    await untilTold(page)
    for (const control of CONTROLS.flatMap(({ controls }) => controls)) {
      await page.click(`[data-control="${control.id}"]`)
      if (!control.chip) continue
      await page.locator('.chips li', { hasText: control.chip.zh }).waitFor()
      await page.click(`.chips button`)
      await expect.poll(() => page.locator('.chips li').count()).toBe(0)
    }
    expect(complaints).toEqual([])
  })

  test('a call of a control that fails is a row, and no error of the page', async () => {
    const { page, complaints } = await open('first')
    await untilTold(page)
    await page.click('[data-control="gone"]')
    await page.click('[data-control="kick"]')
    await page.waitForSelector('.row[data-kind="sign-in.refused"]')
    // Its second phone cannot sign in, and has nobody to sign out.
    await page.waitForFunction(() => {
      const { stage } = (globalThis as unknown as { playground: { stage: LiveStage } }).playground
      return stage.timeline.events.value.filter(({ entry }) => entry.statusCode === 502).length >= 2
    })
    await page.waitForTimeout(1_000)
    expect(complaints).toEqual([])
  })

  test('a row tells what it is, with secrets masked and links to source and documents', async () => {
    const { page } = await open('first')
    await untilTold(page)
    await page.click('.row[data-kind="sign-in.ok"]')
    expect(await page.textContent('.details h2')).toBe('登录成功')
    expect(await page.textContent('.exchange')).toContain('"token": "#')
    expect(await page.textContent('body')).not.toContain('wxs1.')
    const link = await page.getAttribute('.links a', 'href')
    const listing = await page.request.get(`${demonstration.address}/${link}`)
    expect(listing.status()).toBe(200)
    expect(await listing.text()).toContain('issue')
    expect(await page.textContent('.holder.phone')).toContain('token #')
    expect(await page.textContent('.holder.stores')).toContain('sha256(#')
  })

  test('the explanation of a thing stands above the boxes and covers none of them', async () => {
    const { page } = await open('first')
    await untilTold(page)
    await page.hover('.holder.stores .holding:last-child button')
    const tip = await page.locator('.holder.stores .holding:last-child .tip').boundingBox()
    const boxes = await page.locator('.holders').boundingBox()
    expect((tip?.y ?? Number.NaN) + (tip?.height ?? 0)).toBeLessThanOrEqual((boxes?.y ?? 0) + 1)
    expect((tip?.x ?? Number.NaN) + (tip?.width ?? 0)).toBeLessThanOrEqual(1280)
  })

  test('step by step, back and forth', async () => {
    const { page } = await open('renewal')
    await untilTold(page)
    const rows = () => page.locator('.row').count()
    const all = await rows()
    await page.getByRole('button', { name: '上一步' }).click()
    await expect.poll(rows).toBeLessThan(all)
    expect(await page.textContent('.story .number')).toBe('第 2 步，共 3 步')
    await page.getByRole('button', { name: '下一步' }).click()
    await expect.poll(rows).toBe(all)
  })

  test('a newcomer finds the four questions answered, and stories that show the answers, one leading to the next', async () => {
    const { page } = await open('first')
    await untilTold(page)
    expect(await page.locator('.questions dt').allTextContents()).toEqual([
      'token 在哪里？',
      '微信知道什么？',
      'token 过期了会怎样？',
      '为什么不能见到 401 就登录？',
    ])
    await page.click('.story a')
    await page.waitForFunction(() => location.hash === '#warm')
    await page.locator('.questions a', { hasText: '401 不是会话的问题' }).click()
    await page.waitForFunction(() => location.hash === '#foreign-401')
    await untilTold(page)
    expect(await page.textContent('.story p')).toContain('其他请求照常成功')
  })

  test('English, by the browser and by the switch', async () => {
    const { page } = await open('first', { locale: 'en-US' })
    await untilTold(page)
    expect(await page.textContent('.story p')).toContain('The first start')
    expect(await page.getAttribute('html', 'lang')).toBe('en')
    await page.getByRole('button', { name: '中文' }).click()
    expect(await page.textContent('.story p')).toContain('第一次打开')
    const english = SCENARIOS.map(({ title }) => title.en)
    await page.getByRole('button', { name: 'English' }).click()
    expect(await page.locator('.scenario option').allTextContents()).toEqual(english)
  })

  test('everything is reached and used by the keyboard alone', async () => {
    const { page } = await open('first')
    await untilTold(page)
    const reached = new Set<string>()
    for (let i = 0; i < 160; i++) {
      await page.keyboard.press('Tab')
      const at = await page.evaluate(() => {
        const element = document.activeElement
        if (!element || element === document.body) return ''
        return element.getAttribute('data-control') ?? element.className ?? element.localName
      })
      if (at) reached.add(at)
    }
    for (const { id } of CONTROLS.flatMap(({ controls }) => controls)) expect(reached).toContain(id)
    expect([...reached].join(' ')).toMatch(/row/)
    await page.focus('.row[data-kind="exchange.ok"]')
    await page.keyboard.press('Enter')
    expect(await page.textContent('.details h2')).toBe('微信说出了是谁')
  })

  describe.each([
    ['wide', {}],
    ['narrow', NARROW],
  ] as const)('%s', (_name, size) => {
    test.each(['light', 'dark'] as const)('%s: axe-core has no serious finding', async (colorScheme) => {
      const { page, complaints } = await open('redis-down', { ...size, colorScheme })
      await untilTold(page)
      await page.evaluate(axe.source)
      expect(await seriousFindings(page)).toEqual([])
      await page.click('.row[data-kind="request.outage"]')
      expect(await seriousFindings(page)).toEqual([])
      expect(complaints).toEqual([])
    })
  })

  test('at 360 pixels nothing scrolls sideways, the diagram begins on the first screen, and the rest comes from below', async () => {
    const { page } = await open('first', NARROW)
    await untilTold(page)
    expect(await overflow(page)).toBe(0)
    expect((await page.locator('.diagram').boundingBox())?.y).toBeLessThan(NARROW.viewport.height - 150)
    await page.getByRole('button', { name: '谁手里有什么' }).click()
    expect(await page.textContent('.sheet .holder.phone')).toContain('token #')
    await page.getByRole('button', { name: '试一试' }).click()
    await page.click('[data-control="refresh"]')
    await page.getByRole('button', { name: '关闭' }).click()
    await page.click('.row[data-kind="sign-in.ok"]')
    expect(await page.textContent('.sheet h2')).toBe('登录成功')
    expect(await overflow(page)).toBe(0)
  })

  test('with reduced motion a row is simply there', async () => {
    const { page } = await open('first', { reducedMotion: 'reduce' })
    await untilTold(page)
    const names = await page.$$eval('.arrow', (arrows) => arrows.map((arrow) => getComputedStyle(arrow).animationName))
    expect(new Set(names)).toEqual(new Set(['none']))
  })
})

/** What happened in the page, as `outlineOf` puts it. */
async function outlineOfPage(page: Page): Promise<string[]> {
  const { events, tracks } = await page.evaluate(() => {
    const { stage } = (globalThis as unknown as { playground: { stage: LiveStage } }).playground
    const phones = stage.shown.value.map(({ phone, track }) => [phone.name, track] as const)
    return { events: stage.timeline.events.value, tracks: Object.fromEntries(phones) }
  })
  return outlineOf(events, (device) => tracks[device] ?? 'ours')
}

function outlineOfRecording(id: string, isComparing: boolean): string[] {
  const path = join(import.meta.dirname, '..', 'recordings', recordingName(id, isComparing))
  const { steps } = JSON.parse(readFileSync(path, 'utf8')) as Recording
  const phones = steps.flatMap(({ screens }) => screens.map(({ phone }) => phone))
  const trackOf = (device: string) => phones.find((phone) => phone.device === device)?.track ?? 'ours'
  return outlineOf(
    steps.flatMap(({ events }) => events),
    trackOf,
  )
}

/** What axe-core, which the page has loaded, calls serious or critical. */
async function seriousFindings(page: Page): Promise<string[][]> {
  const { violations } = await page.evaluate(() =>
    (
      globalThis as unknown as {
        axe: { run(): Promise<{ violations: { id: string; impact: string; nodes: { html: string }[] }[] }> }
      }
    ).axe.run(),
  )
  const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical')
  return serious.map(({ id, nodes }) => [id, ...nodes.slice(0, 3).map(({ html }) => html)])
}

function overflow(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
}

interface Entry {
  seq: number
  side: string
  event: string
  phone?: string
}

async function ledgerOf({ address }: Demonstration): Promise<Entry[]> {
  const answer = await fetch(`${address}/emulator/ledger`)
  return ((await answer.json()) as { entries: Entry[] }).entries
}
