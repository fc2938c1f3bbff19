import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test } from 'vitest'
import { launchApp } from '../../src/host/launch-app.ts'
import type { RunningApp } from '../../src/host/running-app.ts'
import { createManualPhone, type ManualPhone, turns } from '../manual-phone.ts'
import { errorsOf, launchSmallApp } from './small-app.ts'

const SHOP = fileURLToPath(new URL('../fixtures/shop', import.meta.url))

const open: RunningApp[] = []
afterEach(async () => {
  for (const app of open.splice(0)) await app.close()
})

interface Shop extends ManualPhone {
  app: RunningApp
  log: string[]
  printed: unknown[][]
  wx: ManualPhone['wx']
}

async function openShop(path = 'pages/index/index', query: Record<string, string> = {}): Promise<Shop> {
  const phone = createManualPhone()
  const printed: unknown[][] = []
  const print = (...args: unknown[]) => void printed.push(args)
  const console = { log: print, info: print, warn: print, error: print, debug: print }
  const app = await launchApp({ folder: SHOP, device: phone.device, path, query, console })
  open.push(app)
  const { log } = appOf(app).globalData as { log: string[] }
  return { ...phone, app, log, printed }
}

/** What the page's code would get from `getApp()`. */
function appOf(app: RunningApp): Record<string, unknown> & { globalData: Record<string, unknown> } {
  const page = app.page().instance as unknown as { getApp(): never }
  return page.getApp()
}

describe('the start of an app', () => {
  test('onLaunch is not awaited and precedes the first page, ready comes last', async () => {
    const { app, log } = await openShop('pages/index/index', { from: 'share' })
    await app.settled()
    expect(log.filter((line) => line !== 'app.login')).toEqual([
      'app.onLaunch',
      'app.onShow',
      'card.created',
      'card.attached',
      'index.onLoad',
      'card.show',
      'index.onShow',
      'card.ready',
      'index.onReady',
      'index.rendered',
    ])
    expect(log.indexOf('app.login')).toBeGreaterThan(log.indexOf('index.onShow'))
    expect(app.page()).toMatchObject({ route: 'pages/index/index', query: { from: 'share' } })
    expect(appOf(app).globalData.launchedWith).toMatchObject({ path: 'pages/index/index', query: { from: 'share' } })
    expect(app.errors).toEqual([])
  })

  test('the ledger tells the launch, the page and the login', async () => {
    const { app, device } = await openShop()
    await app.settled()
    const events = device.ledger.entries().map(({ event }) => event)
    expect(events.filter((event) => event !== 'code.issued')).toEqual([
      'app.launch',
      'app.show',
      'page.open',
      'wx.login',
    ])
  })

  test('a page that does not exist is an error of the app', async () => {
    const phone = createManualPhone()
    const app = await launchApp({ folder: SHOP, device: phone.device, path: 'pages/none/none', console: silent })
    open.push(app)
    expect(app.errors.map(({ message }) => message)).toEqual(['page "pages/none/none" is not found'])
    expect(app.hasPage()).toBe(false)
    expect(() => app.page()).toThrow('no page is open')
  })
})

const silent = { log() {}, info() {}, warn() {}, error() {}, debug() {} }

describe('what a host draws around the pages', () => {
  test('the tab bar and the arrow back do what the user expects, and the ledger has them', async () => {
    const { app, device } = await openShop()
    await app.switchTab('pages/cart/cart')
    expect(app.page().route).toBe('pages/cart/cart')
    await app.switchTab('pages/index/index')
    expect(app.page().route).toBe('pages/index/index')
    await expect(app.navigateBack()).rejects.toThrow('cannot navigate back at first page')
    expect(device.ledger.count('ui.tap', { selector: 'tab pages/cart/cart' })).toBe(1)
  })

  test('a module is the one that the app itself requires', async () => {
    const { app, log } = await openShop()
    expect((app.module('utils/log') as { log: string[] }).log).toBe(log)
    expect(() => app.module('utils/none')).toThrow("module 'utils/none.js' is not defined")
  })
})

describe('an app that is closed', () => {
  test('an app that is closed gets no answer any more', async () => {
    const { app, sent } = await openShop()
    await app.tap('#refresh')
    const { instance } = app.page()
    await app.close()
    sent[0]?.answer({ body: '[]' })
    await turns()
    expect(instance.data.loading).toBe(true)
  })

  test('an app that was closed starts again on the same phone with its storage, its errors apart', async () => {
    const { app, device } = await openShop()
    device.wx.setStorageSync('kept', 1)
    await app.close()
    const again = await launchApp({ folder: SHOP, device, console: silent })
    open.push(again)
    device.thread.run(() => (again.page().instance.breakDown as () => void)())
    expect(device.wx.getStorageSync('kept')).toBe(1)
    expect([app.errors.length, again.errors.length]).toEqual([0, 1])
    expect(device.ledger.count('app.launch')).toBe(2)
  })
})

describe('what a page shows', () => {
  test('bindings, conditions, loops, templates, includes, WXS files and inline WXS', async () => {
    const { app, sent } = await openShop()
    await app.settled()
    expect(app.text('#hello')).toBe('hello!')
    expect(app.text('.item')).toBe('0:oolong=¥12.50')
    expect(app.text('.footer')).toBe('1 items')
    expect([app.exists('.few'), app.exists('.many'), app.exists('.none')]).toEqual([true, false, false])

    await app.tap('#refresh')
    const items = ['green', 'black', 'white'].map((name, i) => ({ name, cents: i * 100 }))
    sent[0]?.answer({ header: { 'content-type': 'application/json' }, body: JSON.stringify(items) })
    await app.settled()
    expect([app.exists('.few'), app.exists('.many')]).toEqual([false, true])
    expect(app.text('#pick-2')).toBe('white')
  })

  test('slots, properties, observers and npm components inside components', async () => {
    const { app } = await openShop()
    expect(app.text('#card >>> .title')).toBe('tea / TEA')
    expect(app.text('#card >>> .head')).toBe('hello')
    expect(app.text('.body')).toBe('body')
    expect(app.text('#card >>> #buy >>> .inner')).toBe('Buy')
    await app.tap('.pick')
    expect(app.text('#card >>> .title')).toBe('oolong / OOLONG')
  })

  test('html() names ids and classes as they were written', async () => {
    const { app } = await openShop()
    expect(app.html()).toContain('<view class="hello" id="hello">hello!</view>')
    expect(app.html()).toContain('<view class="components_card_card--title">tea / TEA</view>')
  })

  test('a disabled button takes no tap', async () => {
    const { app, sent } = await openShop()
    await app.tap('#refresh')
    await app.tap('#refresh')
    expect(sent).toHaveLength(1)
  })
})

describe('events', () => {
  test('events carry dataset, marks and the target', async () => {
    const { app } = await openShop()
    await app.tap('#pick-0')
    expect(app.page().data).toMatchObject({
      picked: 'oolong',
      pickedCents: 1250,
      pickedMark: { place: 0 },
      pickedTarget: 'pick-0',
    })
  })

  test('events bubble through bind and stop at catch', async () => {
    const { app } = await openShop()
    await app.tap('#leaf')
    expect(app.page().data.taps).toEqual(['inner', 'outer'])
    await app.tap('#stopper')
    expect(app.page().data.taps).toEqual(['inner', 'outer', 'inner'])
  })

  test('a tap inside a component is a tap on it', async () => {
    const { app } = await openShop()
    await app.tap('#card >>> .title')
    expect(app.page().data.tapped).toBe('card')
  })

  test('a component triggers events of its own, and a behavior handles its own', async () => {
    const { app } = await openShop()
    await app.tap('#card >>> #buy >>> .inner')
    await app.tap('#card >>> #buy >>> .inner')
    expect(app.page().data.bought).toEqual({ title: 'tea', times: 2 })
    await app.tap('#card >>> .count')
    expect(app.text('#card >>> .count')).toBe('1')
  })

  test('selectComponent gives the component with its methods', async () => {
    const { app } = await openShop()
    const { instance } = app.page()
    const card = (instance.selectComponent as (selector: string) => { shout(): string }).call(instance, '#card')
    expect(card.shout()).toBe('tea!')
  })

  test('pulling down refreshes', async () => {
    const { app } = await openShop()
    await app.pullDownRefresh()
    expect(app.page().data.refreshed).toBe(true)
  })
})

describe('forms', () => {
  test('submit collects every named field, by a tap inside the button', async () => {
    const { app } = await openShop('pages/form/form')
    await app.input('#nickname', '小明')
    await app.input('#news', true)
    await app.input('#city', 1)
    await app.tap('#large')
    await app.tap('#milk')
    await app.tap('#rating >>> .star')
    await app.tap('#send-label')
    expect(app.page().data.submitted).toEqual({
      nickname: '小明',
      mirrored: '',
      note: 'hi',
      news: true,
      city: 1,
      size: 'l',
      extras: ['milk', 'sugar'],
      stars: 1,
    })
  })

  test('typing tells input, then blur; maxlength holds', async () => {
    const { app } = await openShop('pages/form/form')
    await app.input('#nickname', 'a name too long')
    expect(app.page().data).toMatchObject({ typed: 'a name t', blurred: 'a name t' })
  })

  test('model:value writes to the data, and the data to the field', async () => {
    const { app } = await openShop('pages/form/form')
    await app.input('#mirror', 'seen')
    expect(app.page().data.mirrored).toBe('seen')
    ;(app.page().instance.setData as (data: object) => void).call(app.page().instance, { mirrored: 'set' })
    await app.submit('#form')
    expect(app.page().data.submitted).toMatchObject({ mirrored: 'set' })
  })

  test('a switch toggles, reset clears, a disabled button does not submit', async () => {
    const { app } = await openShop('pages/form/form')
    await app.tap('#news')
    expect(app.page().data.changed).toBe(true)
    await app.tap('#off')
    expect(app.page().data.submitted).toBeUndefined()
    await app.tap('#reset')
    expect(app.page().data.wasReset).toBe(true)
    await app.submit('#send')
    expect(app.page().data.submitted).toMatchObject({ news: false, note: '', size: '', extras: [] })
  })

  test('chooseAvatar gives a temporary file with a picture', async () => {
    const { app, device } = await openShop('pages/form/form')
    await app.tap('#avatar')
    await app.settled()
    const path = String(app.page().data.avatarUrl)
    expect(path).toMatch(/^wxfile:\/\/tmp_.+\.png$/)
    expect(device.files.read(path)?.slice(1, 4)).toEqual(new TextEncoder().encode('PNG'))
  })
})

describe('pages', () => {
  test('navigateTo covers, navigateBack uncovers, the event channel joins the two', async () => {
    const { app, log } = await openShop()
    await app.settled()
    log.length = 0
    const closed: unknown[] = []
    const result = await navigate(app, 'navigateTo', {
      url: '../detail/detail?id=5',
      events: { closed: (id: unknown) => closed.push(id) },
    })
    ;(result.eventChannel as { emit(event: string, name: string): void }).emit('greet', 'hi')
    expect(app.page()).toMatchObject({ route: 'pages/detail/detail', query: { id: '5' }, data: { greeted: 'hi' } })
    expect(app.text('.id')).toBe('5')
    await app.tap('#back')
    await app.settled()
    expect(closed).toEqual(['5'])
    expect(app.page().route).toBe('pages/index/index')
    expect(log).toEqual([
      'card.hide',
      'index.onHide',
      'detail.onLoad 5',
      'detail.onUnload',
      'card.show',
      'index.onShow',
    ])
  })

  test('a page made by Component() gets its query as properties', async () => {
    const { app } = await openShop('pages/detail/detail?id=7&size=3')
    expect(app.page()).toMatchObject({ query: { id: '7', size: '3' }, data: { id: '7', size: 3 } })
    expect(app.text('.id')).toBe('7')
  })

  test('no navigation is synchronous', async () => {
    const { app } = await openShop()
    const navigated = navigate(app, 'navigateTo', { url: '/pages/detail/detail' })
    expect(app.page().route).toBe('pages/index/index')
    await navigated
    expect(app.page().route).toBe('pages/detail/detail')
  })

  test('a navigator is a link', async () => {
    const { app } = await openShop()
    await app.tap('#link')
    await app.settled()
    expect(app.page().query).toEqual({ id: '9' })
  })

  test('redirectTo replaces, reLaunch clears', async () => {
    const { app, log } = await openShop()
    await navigate(app, 'navigateTo', { url: '/pages/detail/detail?id=1' })
    await navigate(app, 'redirectTo', { url: '/pages/detail/detail?id=2' })
    expect(routes(app)).toEqual(['pages/index/index', 'pages/detail/detail'])
    await navigate(app, 'reLaunch', { url: '/pages/form/form' })
    expect(routes(app)).toEqual(['pages/form/form'])
    expect(log.filter((line) => line.endsWith('Unload'))).toEqual([
      'detail.onUnload',
      'detail.onUnload',
      'index.onUnload',
    ])
    expect(log).toContain('card.detached')
  })

  test('tab pages stay alive, others do not', async () => {
    const { app, log } = await openShop()
    await navigate(app, 'navigateTo', { url: '/pages/detail/detail?id=1' })
    await navigate(app, 'switchTab', { url: '/pages/cart/cart' })
    expect(routes(app)).toEqual(['pages/cart/cart'])
    await navigate(app, 'switchTab', { url: '/pages/index/index' })
    expect(log.filter((line) => /index\.on(Load|Unload)|detail\.onUnload|cart/.test(line))).toEqual([
      'index.onLoad',
      'detail.onUnload',
      'cart.onLoad',
      'cart.onShow',
      'cart.onHide',
    ])
  })

  test('a page of a plugin is not found, and the app goes on', async () => {
    const app = await launchSmallApp({
      'pages/home/home.js': `Page({
        onLoad() { wx.navigateTo({ url: 'plugin://chat/list?id=1', fail: ({ errMsg }) => this.setData({ errMsg }) }) },
      })`,
      'pages/home/home.wxml': '<navigator id="to" url="plugin-private://chat/list">chat</navigator>',
    })
    await app.settled()
    expect(app.page().data.errMsg).toBe(
      'navigateTo:fail page "plugin://chat/list" is not found: plugins cannot be run here',
    )
    await app.tap('#to')
    expect([app.page().route, errorsOf(app)]).toEqual(['pages/home/home', []])
  })

  test('what WeChat refuses fails with its words', async () => {
    const { app } = await openShop()
    const refusal = async (api: string, options: object) =>
      navigate(app, api, options).then(
        () => 'ok',
        ({ errMsg }: { errMsg: string }) => errMsg,
      )
    expect(await refusal('navigateTo', { url: '/pages/none/none' })).toBe(
      'navigateTo:fail page "pages/none/none" is not found',
    )
    expect(await refusal('navigateTo', { url: '/pages/cart/cart' })).toBe(
      'navigateTo:fail can not navigateTo a tabbar page',
    )
    expect(await refusal('switchTab', { url: '/pages/form/form' })).toBe(
      'switchTab:fail can not switch to no-tabBar page',
    )
    expect(await refusal('navigateBack', {})).toBe('navigateBack:fail cannot navigate back at first page.')
    for (let depth = 1; depth < 10; depth++) await navigate(app, 'navigateTo', { url: '/pages/form/form' })
    expect(await refusal('navigateTo', { url: '/pages/form/form' })).toBe('navigateTo:fail webview count limit exceed')
  })

  test('leaving and coming back tells the page and the app', async () => {
    const { app, log, device } = await openShop()
    await app.settled()
    log.length = 0
    await app.hide()
    await expect(app.tap('#hello')).rejects.toThrow('the app is in the background')
    await app.show()
    expect(log).toEqual(['card.hide', 'index.onHide', 'app.onHide', 'app.onShow', 'card.show', 'index.onShow'])
    expect(device.ledger.entries().map(({ event }) => event)).toEqual(expect.arrayContaining(['app.hide', 'app.show']))
  })
})

function routes(app: RunningApp): unknown[] {
  const page = app.page().instance as unknown as { getCurrentPages(): { route: string }[] }
  return page.getCurrentPages().map(({ route }) => route)
}

/** `wx[api]` as the page's code calls it. */
function navigate(app: RunningApp, api: string, options: object): Promise<Record<string, unknown>> {
  const page = app.page().instance as unknown as { wx(): Record<string, (options: object) => Promise<never>> }
  const call = page.wx()[api]
  if (!call) throw new Error(`wx.${api} does not exist`)
  return call(options)
}
