import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, test } from 'vitest'
import { launchApp } from '../../src/host/launch-app.ts'
import type { RunningApp } from '../../src/host/running-app.ts'
import { createWorld, DEMO_APP } from '../../src/world.ts'
import { createDevice } from '../../src/wx/device.ts'
import { localLink } from '../../src/wx/link.ts'
import { createManualPhone } from '../manual-phone.ts'

const SHOP = fileURLToPath(new URL('../fixtures/shop', import.meta.url))
const BROKEN = fileURLToPath(new URL('../fixtures/broken', import.meta.url))
const silent = { log() {}, info() {}, warn() {}, error() {}, debug() {} }

const open: RunningApp[] = []
afterEach(async () => {
  for (const app of open.splice(0)) await app.close()
})

async function openPage(path: string, console: Parameters<typeof launchApp>[0]['console'] = silent) {
  const phone = createManualPhone()
  const app = await launchApp({ folder: SHOP, device: phone.device, path, console })
  open.push(app)
  const { instance } = app.page()
  const call = (method: string) => (instance[method] as () => unknown).call(instance)
  const getApp = () => call('getApp') as { globalData: Record<string, unknown> }
  return { ...phone, app, instance, call, getApp }
}

async function worldOf() {
  const { instance, clock } = await openPage('pages/world/world')
  return { found: instance.found as Record<string, unknown>, clock }
}

describe('the world app code lives in', () => {
  test.each(['window', 'document', 'location', 'navigator', 'localStorage', 'fetch', 'XMLHttpRequest'])(
    '%s is undefined, as a parameter of every module, and no global',
    async (name) => {
      const { found } = await worldOf()
      expect(found[name]).toBe('undefined')
      expect(found.globalNames).not.toContain(name)
    },
  )

  test('global is the object of the globals', async () => {
    expect((await worldOf()).found.global).toBe('object')
  })

  test.each([
    'process',
    'URL',
    'URLSearchParams',
    'Buffer',
    'queueMicrotask',
    'structuredClone',
    'setImmediate',
    'AbortController',
    'WebAssembly',
  ])('%s does not exist', async (name) => {
    const { found } = await worldOf()
    expect(found[name]).toBe(`ReferenceError: ${name} is not defined`)
  })

  test('globalThis is WeChat only, eval and new Function are forbidden as in WeChat', async () => {
    const { found } = await worldOf()
    expect(found).toMatchObject({
      globalProcess: 'undefined',
      eval: expect.stringMatching(/^EvalError/),
      newFunction: expect.stringMatching(/^EvalError/),
      returnThis: true,
      sloppy: true,
    })
  })

  test('constructors are of one kind, for data, errors and promises of wx too', async () => {
    const { found } = await worldOf()
    expect(found).toMatchObject({ arrayOfData: true, errorKind: true, promiseOfWx: true, dateKind: true })
  })

  test('Date follows the clock of the phone', async () => {
    const { found, clock } = await worldOf()
    expect(found).toMatchObject({ now: clock.now(), today: clock.now() })
  })

  test('canIUse knows what there is', async () => {
    expect((await worldOf()).found.canIUse).toEqual([true, false])
  })

  test('getCurrentPages and a missing module answer as in WeChat', async () => {
    const { found } = await worldOf()
    expect(found).toMatchObject({
      pages: ['pages/world/world'],
      missing: "Error: module 'pages/world/nowhere.js' is not defined, require args is './nowhere'",
    })
  })
})

describe('modules', () => {
  test('npm packages, JSON and circular requires', async () => {
    const { instance } = await openPage('pages/index/index')
    expect(instance).toMatchObject({ kitVersion: '1.2.3', four: true, currency: 'CNY' })
  })

  test('the nearest miniprogram_npm wins', async () => {
    const { app } = await openPage('packageA/pages/extra/extra')
    expect(app.text('.near')).toBe('packageA')
  })
})

describe('errors of the app', () => {
  test('a handler that throws reaches App.onError, the tester and the ledger', async () => {
    const { app, call, getApp, device } = await openPage('pages/index/index')
    device.thread.run(() => call('breakDown'))
    expect(app.errors.map(({ message }) => message)).toEqual(['broke down'])
    expect(getApp().globalData.error).toMatch(/^Error: broke down\n\s+at .*pages\/index\/index\.js/)
    expect(device.ledger.count('app.error', { message: 'broke down' })).toBe(1)
  })

  test('a promise nobody handled reaches App.onUnhandledRejection and nothing else in this process', async () => {
    const { app, call, getApp } = await openPage('pages/index/index')
    call('breakPromise')
    await app.waitFor(() => app.errors.length > 0)
    expect(app.errors.map(({ message }) => message)).toEqual(['broken promise'])
    expect(getApp().globalData.rejection).toBe('broken promise')
  })

  test('a timer that throws ends nothing', async () => {
    const { app, call, clock } = await openPage('pages/index/index')
    call('breakLater')
    clock.advance(10)
    await app.settled()
    expect(app.errors.map(({ message }) => message)).toEqual(['broke later'])
  })

  test('each script fails for itself, and the rest of the app goes on', async () => {
    const device = createManualPhone().device
    const app = await launchApp({ folder: BROKEN, device, console: silent })
    open.push(app)
    expect(app.errors.map(({ message }) => message)).toEqual([
      'no launch',
      "module 'pages/modern/a.js' is not defined, require args is './a'",
      'top level',
      expect.stringContaining("reading 'nothing'"),
    ])
    expect(app.text('#shown')).toBe('shown')
  })

  test('a page whose script registers nothing is told when it is opened, and shows its template', async () => {
    const { device } = createManualPhone()
    const app = await launchApp({ folder: BROKEN, device, console: silent, path: 'pages/silent/silent' })
    open.push(app)
    expect(app.errors.at(-1)?.message).toBe(
      'pages/silent/silent.js has registered nothing: it must call Page() or Component()',
    )
    expect(app.page().route).toBe('pages/silent/silent')
  })

  test('console goes to the hook', async () => {
    const printed: unknown[] = []
    const { app, device, call } = await openPage('pages/index/index', {
      ...silent,
      error: (line: unknown) => void printed.push(line),
    })
    device.thread.run(() => call('breakDown'))
    await app.settled()
    expect(printed.join()).toContain('broke down')
  })
})

describe('waiting', () => {
  test('settled() waits for what is in flight and for what follows it', async () => {
    const { app, sent } = await openPage('pages/index/index')
    await app.tap('#refresh')
    let settled = false
    const wait = app.settled().then(() => {
      settled = true
    })
    await new Promise((resolve) => setTimeout(resolve, 30))
    expect(settled).toBe(false)
    expect(app.page().data.loading).toBe(true)
    sent[0]?.answer({ body: '[]' })
    await wait
    expect(app.page().data.loading).toBe(false)
  })

  test('settled() waits for a short timer, not for a long one nor for an interval', async () => {
    const device = createDevice({ link: localLink(createWorld()), appid: DEMO_APP.appid })
    const app = await launchApp({ folder: SHOP, device, console: silent })
    open.push(app)
    const { instance } = app.page()
    ;(instance.wait as (ms: number[]) => void).call(instance, [20, 60_000])
    await app.settled()
    expect(app.page().data.waited).toEqual([20])
  })

  test('settled() does not wait for a clock that stands still', async () => {
    const { app, instance, clock } = await openPage('pages/index/index')
    ;(instance.wait as (ms: number[]) => void).call(instance, [20])
    await app.settled()
    expect(app.page().data.waited).toBeUndefined()
    clock.advance(20)
    await app.settled()
    expect(app.page().data.waited).toEqual([20])
  })

  test('waitFor tells what was on the screen when it gave up', async () => {
    const { app } = await openPage('pages/cart/cart')
    await app.waitFor('.cart')
    await expect(app.waitFor('#never', { timeoutMs: 20 })).rejects.toThrow(
      /^waited 20 ms for "#never" on pages\/cart\/cart, which shows:\n<view class="cart">cart<\/view>$/,
    )
    await expect(app.waitFor(() => false, { timeoutMs: 20 })).rejects.toThrow('for the condition on')
  })

  test('a selector that matches nothing, or is none, is an error that says so', async () => {
    const { app } = await openPage('pages/cart/cart')
    await expect(app.tap('#nothing')).rejects.toThrow('nothing matches "#nothing" on pages/cart/cart')
    expect(() => app.text('view[x]')).toThrow('is no selector')
  })
})
