import axe from 'axe-core'
import type { Browser, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { findChromium, launchChromium, type OpenPage, openPage } from '../../playground/test/browser.ts'
import { type ConsoleService, startService } from './service.ts'

const chromium = findChromium()
const NARROW = { viewport: { width: 360, height: 740 }, hasTouch: true }

/** A text is looked up as everything that it can be, and a browser logs each answer that there is no such user. */
function unexpected(complaints: readonly string[]): string[] {
  return complaints.filter((text) => !text.includes('a status of 404'))
}

/** The page in a real browser, against the real service and its service API. */
describe.skipIf(chromium === null && !process.env.CI)('the console', () => {
  let service: ConsoleService
  let browser: Browser
  let opened: OpenPage | null = null

  beforeAll(async () => {
    service = await startService()
    browser = await launchChromium(chromium ?? 'chromium')
  }, 120_000)
  afterAll(async () => {
    await browser?.close()
    await service?.close()
  })
  afterEach(async () => {
    await opened?.page.context().close()
    opened = null
  })

  async function open(options: Parameters<typeof openPage>[2] = {}): Promise<OpenPage> {
    opened = await openPage(browser, service.address, { locale: 'en-GB', ...options })
    return opened
  }

  async function enter(page: Page, token = service.tokens.all): Promise<void> {
    await page.getByLabel(/Service token|服务令牌/).fill(token)
    await page.keyboard.press('Enter')
    await page.getByRole('navigation').waitFor()
  }

  async function openUser(page: Page, userId: string): Promise<void> {
    await page.getByRole('textbox').fill(userId)
    await page.keyboard.press('Enter')
    await page.getByRole('heading', { name: 'Sessions' }).waitFor()
  }

  test('the console asks for a service token, keeps it in memory alone, and asks again after a reload', async () => {
    const { page, complaints } = await open()
    await page.getByLabel('Service token').fill('not-a-token')
    await page.keyboard.press('Enter')
    await page
      .getByRole('alert')
      .getByText(/^This is no token of SERVICE_TOKENS/)
      .waitFor()
    await enter(page)
    const kept = await page.evaluate(() =>
      JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]),
    )
    expect(kept).not.toContain(service.tokens.all)
    await page.reload()
    await page.getByLabel('Service token').waitFor()
    expect(unexpected(complaints)).toEqual([])
  })

  test('the console ends one session of a user: that phone is told, and the other stays signed in', async () => {
    const one = await service.signIn('ending', { model: 'iPhone 15 Pro' })
    const two = await service.signIn('ending', { model: 'Mate 60' })
    const { page, complaints } = await open()
    await enter(page)
    await openUser(page, one.userId)
    await page
      .getByRole('row', { name: /iPhone 15 Pro/ })
      .getByRole('button', { name: 'End' })
      .click()
    await page.getByRole('dialog').getByText('This session ends.').waitFor()
    await page.getByRole('dialog').getByRole('button', { name: 'End' }).click()
    await page.getByRole('row', { name: /iPhone 15 Pro/ }).waitFor({ state: 'detached' })
    expect(await service.verify(one.token)).toBe(401)
    expect(await service.verify(two.token)).toBe(204)
    expect(unexpected(complaints)).toEqual([])
  })

  test('the console disables a user with a reason, says how many sessions end, writes down who did it, and enables the user again', async () => {
    const { userId, token } = await service.signIn('barred')
    const { page, complaints } = await open()
    await enter(page)
    await openUser(page, userId)
    await page.getByRole('button', { name: 'Disable' }).click()
    const dialog = page.getByRole('dialog')
    await dialog.getByText('1 session ends at once').waitFor()
    // Without a reason nothing happens.
    await dialog.getByRole('button', { name: 'Disable' }).click()
    expect(await service.verify(token)).toBe(204)
    await dialog.getByLabel('Reason').fill('sells accounts')
    await dialog.getByRole('button', { name: 'Disable' }).click()
    await page.getByText(/Disabled since .*: sells accounts/).waitFor()
    expect(await service.verify(token)).toBe(401)
    await page.getByText('No session: they ended when the user was disabled').waitFor()

    await page.reload()
    await enter(page)
    await page.getByRole('cell', { name: 'service:desk' }).first().waitFor()
    await page.getByRole('button', { name: 'Enable' }).click()
    await dialog.getByRole('button', { name: 'Enable' }).click()
    await page.getByText('May sign in', { exact: true }).waitFor()
    expect(unexpected(complaints)).toEqual([])
  })

  test('with a token that may only read, the console says that it may not do more, and loses nothing that was typed', async () => {
    const { userId, token } = await service.signIn('viewed')
    const { page } = await open()
    await enter(page, service.tokens.read)
    await openUser(page, userId)
    await page.getByText('needs a token with the scope wechat').waitFor()
    await page.getByRole('button', { name: 'Disable' }).click()
    await page.getByRole('dialog').getByLabel('Reason').fill('a try')
    await page.getByRole('dialog').getByRole('button', { name: 'Disable' }).click()
    await page.getByRole('alert').getByText('This token may not do this.').waitFor()
    expect(await page.getByRole('dialog').getByLabel('Reason').inputValue()).toBe('a try')
    expect(await service.verify(token)).toBe(204)
  })

  test('the console says what it looked for when there is no such user, and puts nothing that was typed into an address', async () => {
    const { page, complaints } = await open()
    await enter(page)
    const addresses: string[] = []
    page.on('request', (request) => addresses.push(request.url()))
    await page.getByRole('textbox').fill('13800138000')
    await page.getByRole('button', { name: 'Find' }).click()
    await page.getByText('Looked up as: phone number, your own id.').waitFor()
    expect([...addresses, page.url()].join()).not.toContain('13800138000')
    expect(unexpected(complaints)).toEqual([])
  })

  test('the console makes one user of two with one unionid, when a person decides so', async () => {
    const { kept } = await service.makeConflict('twice')
    const { page, complaints } = await open()
    await enter(page)
    await page.getByRole('link', { name: 'Conflicts' }).click()
    await page.getByText('Are these two users one person?').first().waitFor()
    const side = page.locator('.columns > div', { hasText: kept })
    await side.getByRole('button', { name: 'Yes, keep this one' }).click()
    await page.getByRole('dialog').getByText(`${kept} stays`).waitFor()
    await page.getByRole('dialog').getByRole('button', { name: 'Merge' }).click()
    await page.locator('.columns').waitFor({ state: 'detached' })
    await page.getByText('No conflict.').waitFor()
    expect(unexpected(complaints)).toEqual([])
  })

  test('the console shows who did what to whom, newest first, and what the service needs', async () => {
    const { userId } = await service.signIn('eventful')
    const { page, complaints } = await open()
    await enter(page)
    await page.getByRole('link', { name: 'Events' }).click()
    await expect
      .poll(async () => {
        await page.getByLabel('Kind').selectOption('sign_out')
        await page.getByLabel('Kind').selectOption('sign_in')
        return page.getByRole('link', { name: userId.slice(0, 13) }).count()
      })
      .toBeGreaterThan(0)
    await page.getByRole('link', { name: 'Health' }).click()
    await page.getByText('wx0000000000000001').first().waitFor()
    await page.getByText('this one seals').waitFor()
    expect(unexpected(complaints)).toEqual([])
  })

  test('the console works by keyboard alone: a question starts at Cancel, and Escape leaves it', async () => {
    const { userId, token } = await service.signIn('typist')
    const { page } = await open()
    await enter(page)
    await openUser(page, userId)
    await page.getByRole('button', { name: 'Disable' }).focus()
    await page.keyboard.press('Enter')
    await page.getByRole('dialog').waitFor()
    expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Cancel')
    await page.keyboard.press('Escape')
    await page.getByRole('dialog').waitFor({ state: 'hidden' })
    expect(await service.verify(token)).toBe(204)
  })

  test('while an answer is slow, a second click asks nothing, and the question stays open until the answer is there', async () => {
    const { userId } = await service.signIn('slow', { model: 'iPhone 15 Pro' })
    const { page } = await open()
    await enter(page)
    await openUser(page, userId)
    const { promise: goOn, resolve: answer } = Promise.withResolvers<void>()
    let asked = 0
    await page.route('**/sessions/*', async (route) => {
      asked++
      await goOn
      await route.continue()
    })
    await page
      .getByRole('row', { name: /iPhone/ })
      .getByRole('button', { name: 'End' })
      .click()
    const dialog = page.getByRole('dialog')
    await dialog.getByRole('button', { name: 'End' }).dblclick()
    await page.keyboard.press('Escape')
    expect(await dialog.isVisible()).toBe(true)
    expect(await dialog.getByRole('button', { name: 'Cancel' }).isDisabled()).toBe(true)
    answer()
    await page.getByText('No session: the user is not signed in').waitFor()
    await dialog.waitFor({ state: 'hidden' })
    expect(asked).toBe(1)
    // The button that asked is gone: the keyboard goes on from the page.
    await expect.poll(() => page.evaluate(() => document.activeElement?.tagName)).toBe('MAIN')
  })

  test('when the service is gone or the token was removed meanwhile, the console says so, and what was typed stays', async () => {
    const { userId, token } = await service.signIn('middle')
    const { page } = await open()
    await enter(page)
    await openUser(page, userId)
    const dialog = page.getByRole('dialog')
    await page.getByRole('button', { name: 'Disable' }).click()
    await dialog.getByLabel('Reason').fill('a try')
    await page.route('**/disabled', (route) => route.abort())
    await dialog.getByRole('button', { name: 'Disable' }).click()
    await dialog.getByRole('alert').getByText('The service did not answer.').waitFor()
    await page.unroute('**/disabled')
    const body = JSON.stringify({ code: 'service_token_invalid', title: 'no', requestId: 'r-1' })
    await page.route('**/disabled', (route) => route.fulfill({ status: 401, body }))
    await dialog.getByRole('button', { name: 'Disable' }).click()
    await dialog.getByRole('alert').getByText('it is one no more').waitFor()
    expect(await dialog.getByLabel('Reason').inputValue()).toBe('a try')
    await page.unroute('**/disabled')
    await dialog.getByRole('button', { name: 'Disable' }).click()
    await page.getByText(/Disabled since .*: a try/).waitFor()
    expect(await service.verify(token)).toBe(401)
  })

  test('for an address that was cut off, or of a user who does not exist, the console says that there is no such user', async () => {
    const { page } = await open()
    await enter(page)
    for (const id of ['%E4%', '01234567-0000-7000-8000-000000000000']) {
      await page.evaluate((target) => {
        location.hash = target
      }, `#/users/${id}`)
      await page
        .getByRole('alert')
        .getByText(/Not found|request_invalid/)
        .first()
        .waitFor()
    }
  })

  test('the console is in Chinese for a browser that is, and in the other language after a click', async () => {
    const { page } = await open({ locale: 'zh-CN' })
    await page.getByRole('heading', { name: '输入服务令牌' }).waitFor()
    await page.getByRole('button', { name: 'English' }).click()
    await page.getByRole('heading', { name: 'Type a service token' }).waitFor()
    expect(await page.evaluate(() => document.documentElement.lang)).toBe('en')
  })

  test.each([
    ['wide and light', { colorScheme: 'light' as const }],
    ['narrow and dark', { ...NARROW, colorScheme: 'dark' as const }],
  ])('has no serious finding of axe and nothing that scrolls sideways, %s', async (name, options) => {
    const { userId } = await service.signIn('seen', { model: 'iPhone 15 Pro', system: 'iOS 18.2' })
    await service.makeConflict(`seen ${name}`)
    const { page } = await open(options)
    await lookAt(page)
    await enter(page)
    for (const hash of ['#/', `#/users/${userId}`, '#/events', '#/conflicts', '#/health']) {
      await page.evaluate((target) => {
        location.hash = target
      }, hash)
      await page.locator('main h2').first().waitFor()
      await page.waitForLoadState('networkidle')
      await lookAt(page)
    }
  })

  async function lookAt(page: Page): Promise<void> {
    await page.evaluate(axe.source)
    const serious = await page.evaluate(async () => {
      const { violations } = await (globalThis as unknown as { axe: typeof axe }).axe.run()
      return violations
        .filter(({ impact }) => impact === 'serious' || impact === 'critical')
        .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' ')}`)
    })
    expect(serious).toEqual([])
    expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true)
  }
})
