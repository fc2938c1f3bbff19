import { describe, expect, test } from 'vitest'
import { launchApp } from '../../src/host/launch-app.ts'
import type { RunningApp } from '../../src/host/running-app.ts'
import { createManualPhone } from '../manual-phone.ts'
import { errorsOf, launchSmallApp, type SmallApp, writeApp } from './small-app.ts'

const call = (app: RunningApp, method: string, ...args: unknown[]) =>
  (app.page().instance[method] as (...args: unknown[]) => unknown).apply(app.page().instance, args)

/** On a phone whose clock runs: the framework's queries answer after a timer. */
async function launch(files: SmallApp, path?: string) {
  const { device } = createManualPhone({ clock: undefined as never })
  const silent = { log() {}, info() {}, warn() {}, error() {}, debug() {} }
  return launchApp({ folder: writeApp(files), device, console: silent, ...(path && { path }) })
}

describe('createSelectorQuery', () => {
  const QUERY = `query(run) {
      return new Promise((resolve) => run(wx.createSelectorQuery(), this).exec((found) => resolve(found)))
    }`

  test('createSelectorQuery finds on the page, in a component, and in what uni-app passes for one', async () => {
    const app = await launch({
      'pages/home/home.js': `Page({ ${QUERY} })`,
      'pages/home/home.wxml': '<view id="a" data-n="5"/><it id="it"/>',
      'pages/home/home.json': { usingComponents: { it: '/it/it' } },
      'it/it.js': 'Component({})',
      'it/it.wxml': '<view id="inner" data-n="6"/>',
      'it/it.json': { component: true },
    })
    type Query = { in(at: unknown): Query; select(selector: string): { boundingClientRect(): Query } }
    type This = { selectComponent(selector: string): object }
    const found = async (run: (query: Query, page: This) => unknown) => await call(app, 'query', run)
    expect(await found((query) => query.select('#a').boundingClientRect())).toMatchObject([
      { dataset: { n: '5' }, width: 0 },
    ])
    for (const wrap of [
      (component: object) => component,
      (component: object) => ({ $scope: component }),
      (component: object) => ({ $: { ctx: { $scope: component } } }),
    ]) {
      const inside = await found((query, page) =>
        query
          .in(wrap(page.selectComponent('#it')))
          .select('#inner')
          .boundingClientRect(),
      )
      expect(inside).toMatchObject([{ dataset: { n: '6' } }])
    }
    for (const nothing of [undefined, null, {}, 'page']) {
      expect(await found((query) => query.in(nothing).select('#a').boundingClientRect())).toMatchObject([{}])
    }
    await app.close()
  })

  test('a selector query can be made before there is a page: in onLaunch it finds nothing, later the page', async () => {
    const app = await launch({
      'app.js': `
        const query = wx.createSelectorQuery()
        App({
          onLaunch() { wx.createSelectorQuery().select('#a').boundingClientRect().exec((found) => { this.early = found }) },
          late() { return new Promise((resolve) => query.select('#a').boundingClientRect().exec(resolve)) },
        })`,
      'pages/home/home.js': 'Page({ app: () => getApp() })',
      'pages/home/home.wxml': '<view id="a"/>',
    })
    const global = call(app, 'app') as { early?: unknown; late(): Promise<unknown> }
    await app.settled()
    expect(global.early).toEqual([null])
    expect(await global.late()).toMatchObject([{ width: 0 }])
    expect(errorsOf(app)).toEqual([])
    await app.close()
  })

  test('a selector query gives a canvas as a node', async () => {
    const { device } = createManualPhone({ clock: undefined as never })
    const folder = writeApp({
      'pages/home/home.js': `Page({
        onReady() {
          wx.createSelectorQuery().select('#c').fields({ node: true, size: true }).exec(([{ node, width }]) => {
            node.getContext('2d').fillRect(1, 2, 3, 4)
            this.setData({ width })
          })
        },
      })`,
      'pages/home/home.wxml': '<canvas id="c" type="2d"/>',
    })
    const app = await launchApp({ folder, device })
    await app.waitFor(() => app.page().data.width === 0)
    expect(device.canvases.drawing('c').calls).toEqual([{ name: 'fillRect', args: [1, 2, 3, 4] }])
    await app.close()
  })
})

test('an intersection observer sees everything on the page, of wx and of a component', async () => {
  const app = await launch({
    'pages/home/home.js': `Page({
      data: { seen: [] },
      onReady() {
        const see = (name) => ({ dataset, intersectionRatio }) => this.data.seen.push([name, dataset.n, intersectionRatio])
        wx.createIntersectionObserver(this).relativeToViewport().observe('.a', see('wx'))
        this.createIntersectionObserver({ observeAll: true }).relativeTo('.a').observe('.a', see('this'))
        const gone = this.createIntersectionObserver().relativeToViewport()
        gone.observe('.a', see('gone'))
        gone.disconnect()
        this.createIntersectionObserver().relativeToViewport().observe('.a')
      },
    })`,
    'pages/home/home.wxml': '<view class="a" data-n="1"/><view class="a" data-n="2"/>',
  })
  await app.settled()
  expect(app.page().data.seen).toEqual([
    ['wx', '1', 1],
    ['this', '1', 1],
    ['this', '2', 1],
  ])
  await app.close()
})

test('getTabBar answers inside components of a tab page, and with null elsewhere', async () => {
  const page = { usingComponents: { it: '/it/it' } }
  const app = await launchSmallApp({
    'app.json': {
      pages: ['pages/home/home', 'pages/more/more'],
      tabBar: { custom: true, list: [{ pagePath: 'pages/home/home', text: 'a' }] },
    },
    'custom-tab-bar/index.js': 'Component({ data: { selected: 0 } })',
    'custom-tab-bar/index.wxml': '<view>{{selected}}</view>',
    'custom-tab-bar/index.json': { component: true },
    'it/it.js':
      'Component({ attached() { this.bar = this.getTabBar(); if (this.bar) this.bar.setData({ selected: 5 }) } })',
    'it/it.wxml': '<view/>',
    'it/it.json': { component: true },
    'pages/home/home.js':
      'Page({ bar() { return this.getTabBar() }, inner() { return this.selectComponent("#it").bar }, wx: () => wx })',
    'pages/home/home.wxml': '<it id="it"/>',
    'pages/home/home.json': page,
    'pages/more/more.js': 'Page({ inner() { return this.selectComponent("#it").bar } })',
    'pages/more/more.wxml': '<it id="it"/>',
    'pages/more/more.json': page,
  })
  expect((call(app, 'bar') as { data: { selected: number } }).data.selected).toBe(5)
  expect(call(app, 'inner')).toBe(call(app, 'bar'))
  await (call(app, 'wx') as { navigateTo(o: object): Promise<unknown> }).navigateTo({ url: '/pages/more/more' })
  expect(call(app, 'inner')).toBeNull()
})

describe('an independent sub-package', () => {
  const FILES: SmallApp = {
    'app.json': {
      pages: ['pages/home/home'],
      subPackages: [{ root: 'alone', pages: ['page/page'], independent: true }],
    },
    'app.js': 'App({ onLaunch() { this.launched = (this.launched || 0) + 1 }, name: "app" })',
    'util.js': 'exports.name = "main"',
    'alone/util.js': 'exports.name = "alone"',
    'pages/home/home.js': `Page({ wx: () => wx, app: () => getApp(), alone: () => require('../../alone/util') })`,
    'alone/page/page.js': `
      const app = getApp({ allowDefault: true })
      app.visits = 1
      Page({
        wx: () => wx,
        early: () => getApp(),
        app: () => app,
        own: () => require('../util').name,
        main: () => require('../../util'),
        later: () => require.async('../../util'),
      })`,
    'alone/page/page.wxml': '<view/>',
  }

  test('an independent sub-package runs without the app, which starts when the main package is entered and takes over what was set', async () => {
    const app = await launchSmallApp(FILES, 'alone/page/page')
    expect([call(app, 'early'), call(app, 'app')]).toEqual([undefined, { visits: 1 }])
    const early = call(app, 'app')
    await (call(app, 'wx') as { navigateTo(o: object): Promise<unknown> }).navigateTo({ url: '/pages/home/home' })
    expect(call(app, 'app')).toBe(early)
    expect(early).toMatchObject({ visits: 1, name: 'app', launched: 1 })
    expect(errorsOf(app)).toEqual([])
  })

  test('an independent sub-package has modules of its own: neither side can require the other’s, both can wait for them', async () => {
    const app = await launchSmallApp(FILES, 'alone/page/page')
    expect(call(app, 'own')).toBe('alone')
    expect(() => call(app, 'main')).toThrow(
      /module 'util.js' is not defined, require args is '..\/..\/util': .*independent sub-package/,
    )
    expect(await call(app, 'later')).toEqual({ name: 'main' })
    const main = await launchSmallApp(FILES)
    expect(() => call(main, 'alone')).toThrow(/independent sub-package/)
  })
})

test('the older form of sockets reaches the socket that was opened last', async () => {
  const { device } = createManualPhone({
    connect: (_request, tell) => {
      queueMicrotask(tell.opened)
      return { send: (data) => tell.message(`echo ${data}`), close: tell.closed }
    },
  })
  const folder = writeApp({
    'pages/home/home.js': `Page({
      data: { told: [] },
      onLoad() {
        const { told } = this.data
        wx.sendSocketMessage({ data: 'x', fail: ({ errMsg }) => told.push(errMsg) })
        wx.onSocketOpen(() => { told.push('open'); wx.sendSocketMessage({ data: 'hi' }) })
        wx.onSocketMessage(({ data }) => { told.push(data); wx.closeSocket({ code: 1000 }) })
        wx.onSocketClose(({ code }) => told.push(code))
        wx.connectSocket({ url: 'wss://api.test/' })
      },
    })`,
  })
  const app = await launchApp({ folder, device })
  await app.waitFor(() => (app.page().data.told as unknown[]).length === 4)
  expect(app.page().data.told).toEqual(['sendSocketMessage:fail WebSocket is not connected', 'open', 'echo hi', 1000])
  await app.close()
})

test('Function without a text does nothing, with "return this" answers the world, with any other text is refused', async () => {
  const app = await launchSmallApp({
    'pages/home/home.js': `Page({
      nothing: () => [new Function()(), Function()()],
      world: () => Function('return this')() === global,
      refused: () => new Function('a', 'return a'),
    })`,
  })
  expect(call(app, 'nothing')).toEqual([undefined, undefined])
  expect(call(app, 'world')).toBe(true)
  expect(() => call(app, 'refused')).toThrow('Code generation from strings disallowed')
})

test('a program may call something of its own global.App, and App() is still WeChat’s', async () => {
  const app = await launchSmallApp({
    'app.js': 'global.App = { name: "mine" }; App({ name: "theirs" })',
    'pages/home/home.js': 'Page({ name: () => getApp().name })',
  })
  expect([call(app, 'name'), errorsOf(app)]).toEqual(['theirs', []])
})

test('App() called a second time is a warning, and the first call counts', async () => {
  const app = await launchSmallApp({
    'app.js': 'App({ name: "first" }); App({ name: "second" })',
    'pages/home/home.js': 'Page({ name: () => getApp().name })',
  })
  expect([call(app, 'name'), errorsOf(app)]).toEqual(['first', []])
  expect(app.warnings).toEqual(['App() was called more than once: the first call counts'])
})
