import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createDevice, localLink } from '@weapp-auth/emulator'
import { describe, expect, test } from 'vitest'
import { COLUMNS, environment, isAvailable } from '../../server/test/service.ts'
import {
  BUILT,
  buildWaitingForTap,
  createDeviceOf,
  FOLDER,
  open,
  openOrders,
  openProfile,
  SLOW_MACHINE,
  startDemo,
} from './open-example.ts'

/** The whole example in the host, on an emulated phone, against the real service over HTTP. */
describe.each(COLUMNS.filter(isAvailable))('the example, stores %s', (column) => {
  test('signs in at launch and shows the products', async () => {
    const service = await startDemo(column)
    const { app } = await open(service)
    expect(app.text('#products')).toMatch(/西湖龙井.*¥ 128\.00/s)
    expect(app.errors).toEqual([])
    expect(service.world.ledger.count('wx.login')).toBe(1)
    expect(service.world.ledger.count('jscode2session')).toBe(1)
  })

  test('a restart of the app signs in with what is stored', async () => {
    const service = await startDemo(column)
    const { app, device } = await open(service)
    await app.close()
    const { app: again } = await open(service, device)
    expect(again.exists('#products')).toBe(true)
    expect(service.world.ledger.count('wx.login')).toBe(1)
    expect(service.world.ledger.count('wx.checkSession')).toBe(1)
  })

  test('what the profile form says reaches the service and comes back', async () => {
    const service = await startDemo(column)
    const { app } = await open(service)
    await openProfile(app)
    expect(app.text('#name')).toBe('微信用户')
    await app.input('#nickname', '小明')
    await app.input('#city', '杭州')
    await app.tap('#save')
    await app.settled()
    expect(app.text('#message')).toBe('已保存')

    const { app: elsewhere } = await open(service)
    await openProfile(elsewhere)
    expect(elsewhere.text('#name')).toBe('小明')
  })

  test('what the service refuses of the profile is told', async () => {
    const service = await startDemo(column)
    const { app } = await open(service)
    await openProfile(app)
    await app.input('#nickname', 'a\u202Eb')
    await app.tap('#save')
    await app.settled()
    expect(app.text('#message')).toMatch(/^保存失败：/)
  })

  test('the devices are listed, and one of them or all others can be signed out', async () => {
    const service = await startDemo(column)
    const { app } = await open(service)
    await openProfile(app)
    await app.tap('#to-devices')
    await app.settled()
    expect(app.text('#devices')).toMatch(/^本机.*正在使用$/s)
    await app.tap('#sign-out-others')
    await app.settled()
    expect(app.text('#message')).toBe('没有其他已登录的设备')

    await open(service)
    await app.tap('#sign-out-others')
    await app.settled()
    expect(app.text('#message')).toBe('已退出其他 1 台设备')

    const { app: third } = await open(service)
    await app.navigateBack()
    await app.tap('#to-devices')
    await app.settled()
    await app.tap('.end')
    await app.settled()
    expect(app.text('#message')).toBe('已退出那台设备')
    await third.pullDownRefresh()
    await third.settled()
    expect(third.text('#signed-out')).toContain('你在另一台设备上退出了本机的登录')
  })

  test('a service in trouble is told on every page', async () => {
    const service = await startDemo(column)
    const { app, device } = await open(service)
    await openProfile(app)
    device.faults.set('wx.request', { status: 503 })
    await app.tap('#save')
    await app.settled()
    expect(app.text('#message')).toMatch(/^保存失败：/)
    await app.tap('#to-devices')
    await app.settled()
    expect(app.text('#error')).toContain('服务暂时不可用，请稍后重试')
    device.faults.clear()
    await app.tap('#retry')
    await app.settled()
    expect(app.exists('#devices')).toBe(true)
    device.faults.set('wx.request', { status: 503 })
    await app.tap('#sign-out-others')
    await app.settled()
    expect(app.text('#message')).toBe('服务暂时不可用，请稍后重试')
  })

  test('a sign-out lasts until the next tap, over a restart too', async () => {
    const service = await startDemo(column)
    const { app, device } = await open(service)
    await openProfile(app)
    await app.tap('#to-settings')
    await app.settled()
    await app.tap('#sign-out')
    await app.settled()
    expect(app.exists('#signed-out')).toBe(true)
    await app.pullDownRefresh()
    await app.settled()
    expect(app.exists('#signed-out')).toBe(true)
    await app.close()

    const { app: again } = await open(service, device)
    expect(again.exists('#signed-out')).toBe(true)
    expect(service.world.ledger.count('wx.login')).toBe(1)
    await again.tap('#login >>> .login')
    await again.settled()
    expect(again.exists('#products')).toBe(true)
    expect(service.world.ledger.count('wx.login')).toBe(2)
  })

  test('signing out everywhere reaches the other phone', async () => {
    const service = await startDemo(column)
    const { app } = await open(service)
    const { app: other } = await open(service)
    await openProfile(app)
    await app.tap('#to-settings')
    await app.settled()
    await app.tap('#sign-out-everywhere')
    await app.settled()
    expect(app.exists('#signed-out')).toBe(true)
    await other.pullDownRefresh()
    await other.settled()
    expect(other.exists('#signed-out')).toBe(true)
  })

  test('a page for everybody is shown to those who are signed out, and greets the others', async () => {
    const service = await startDemo(column)
    const { app } = await open(service)
    await app.switchTab('pages/story/story')
    await app.settled()
    expect(app.text('#greeting')).toBe('你好，欢迎回来')
    expect(app.text('#story')).toContain('西湖边')
    await openProfile(app)
    await app.tap('#to-settings')
    await app.settled()
    await app.tap('#sign-out')
    await app.settled()
    await app.switchTab('pages/story/story')
    await app.settled()
    expect(app.text('#greeting')).toBe('欢迎光临')
    expect(app.text('#story')).toContain('西湖边')
  })

  test('the session ends while the app is open and the page gets its data without noticing', async () => {
    const service = await startDemo(column)
    const { app } = await open(service)
    service.world.clock.advance(7_201_000)
    await app.pullDownRefresh()
    await app.settled()
    expect(app.exists('#products')).toBe(true)
    expect(service.world.ledger.count('wx.request', { statusCode: 401 })).toBe(1)
    expect(service.world.ledger.count('wx.login')).toBe(2)
    expect(app.errors).toEqual([])
  })

  test('without a network the page says so, and a retry brings it back', async () => {
    const service = await startDemo(column)
    const device = createDeviceOf(service)
    device.network.setOnline(false)
    const { app } = await open(service, device)
    expect(app.text('.state')).toContain('网络')
    device.network.setOnline(true)
    // A failed login is not repeated for a second, however often the user taps.
    const retry = async () => {
      await app.tap('#retry')
      await app.settled()
      return app.exists('#products')
    }
    await expect.poll(retry, { timeout: 10_000 }).toBe(true)
  })
})

describe.each(COLUMNS.filter(isAvailable))('the page with the socket, stores %s', (column) => {
  test('shows an order on both phones of the user, and that it is ready, by itself', async () => {
    const service = await startDemo(column)
    const [{ app }, { app: other }] = [await openOrders(service), await openOrders(service)]
    expect(app.text('#empty')).toBe('还没有点茶')
    await app.tap('#order')
    await other.waitFor('#orders', SLOW_MACHINE)
    // On a machine that is busy enough the tea is ready by now.
    expect(other.text('#orders')).toMatch(/西湖龙井\s*(泡茶中|请取茶)/)
    for (const each of [app, other]) await each.waitFor(() => each.text('#orders').includes('请取茶'), SLOW_MACHINE)
    expect(app.text('#orders').match(/西湖龙井/g)).toHaveLength(1)
    expect([...app.errors, ...other.errors]).toEqual([])
  })

  test('signed out by the other phone, says why and stays signed out', async () => {
    const service = await startDemo(column)
    const [{ app }, { app: other }] = [await openOrders(service), await open(service)]
    await openProfile(other)
    await other.tap('#to-devices')
    await other.settled()
    await other.tap('#sign-out-others')
    await app.waitFor(
      () => app.exists('#signed-out') && app.text('#signed-out').startsWith('你在另一台设备上退出了'),
      SLOW_MACHINE,
    )
    expect(service.world.ledger.count('wx.login')).toBe(2)
    const sockets = service.world.ledger.count('wx.connectSocket', { open: true })
    await app.settled()
    await app.tap('#login >>> .login')
    await app.waitFor('#empty', SLOW_MACHINE)
    await app.waitFor(() => app.text('#live').startsWith('茶泡好了'), SLOW_MACHINE)
    expect(service.world.ledger.count('wx.connectSocket', { open: true })).toBe(sockets + 1)
  })

  test('whose session expires signs in once and connects once, and nobody notices', async () => {
    const service = await startDemo(column, { pingIntervalMs: 100 })
    const { app } = await openOrders(service)
    service.world.clock.advance(7_201_000)
    const { ledger } = service.world
    await expect.poll(() => ledger.count('wx.connectSocket', { open: true })).toBe(2)
    await app.tap('#order')
    await app.waitFor('#orders', SLOW_MACHINE)
    expect([ledger.count('wx.login'), ledger.count('wx.connectSocket', { closed: 4401 })]).toEqual([2, 1])
    expect(app.errors).toEqual([])
  })
})

describe('the page with the socket', () => {
  test('comes back by itself when the service has restarted, and its list stays meanwhile', async () => {
    const env = await environment('embedded')
    const service = await startDemo(env)
    let { baseUrl } = service
    const { app } = await openOrders(
      service,
      createDevice({
        link: localLink(service.world),
        appid: service.world.apps[0]?.appid ?? '',
        resolve: (url) => new URL(url.pathname + url.search, baseUrl),
      }),
    )
    await app.tap('#order')
    await app.waitFor('#orders', SLOW_MACHINE)
    await service.close()
    await app.waitFor(() => app.text('#live').startsWith('连接断开'), SLOW_MACHINE)
    expect(service.world.ledger.count('wx.connectSocket', { closed: 1012 })).toBe(1)
    expect(app.text('#orders')).toContain('西湖龙井')

    const restarted = await startDemo(env)
    baseUrl = restarted.baseUrl
    // The orders of the demonstration were in the memory of the process that stopped.
    await app.waitFor('#empty', { timeoutMs: 20_000 })
    expect(app.text('#live')).toMatch(/^茶泡好了/)
    expect(service.world.ledger.count('wx.login')).toBe(1)
  })

  test('says that there is no network, and a tap brings it back', async () => {
    const service = await startDemo('embedded')
    const { app, device } = await open(service)
    device.network.setOnline(false)
    await app.tap('#to-orders')
    await app.waitFor('#offline', SLOW_MACHINE)
    await app.settled()
    device.network.setOnline(true)
    await app.tap('#retry')
    await app.waitFor('#empty', SLOW_MACHINE)
  })

  test('says that the service is in trouble, and an order that did not arrive', async () => {
    const service = await startDemo('embedded')
    const { app, device } = await open(service)
    device.faults.set('wx.request', { status: 503 })
    await app.tap('#to-orders')
    await app.waitFor('#error', SLOW_MACHINE)
    await app.settled()
    expect(app.text('#error')).toContain('服务暂时不可用，请稍后重试')
    device.faults.clear()
    await app.tap('#retry')
    await app.waitFor('#empty', SLOW_MACHINE)
    device.faults.set('wx.request', { status: 503 })
    await app.tap('#order')
    await app.settled()
    expect(app.text('#message')).toBe('服务暂时不可用，请稍后重试')
  })

  test('holds no socket while it is hidden, or after it was left', async () => {
    const service = await startDemo('embedded')
    const { app } = await openOrders(service)
    const { ledger } = service.world
    await app.hide()
    expect(ledger.count('wx.connectSocket', { closed: 1000 })).toBe(1)
    await app.show()
    await expect.poll(() => ledger.count('wx.connectSocket', { open: true })).toBe(2)
    await app.navigateBack()
    expect(ledger.count('wx.connectSocket', { closed: 1000 })).toBe(2)
  })
})

describe('the example whose first sign-in waits for a tap', () => {
  test('asks nobody at WeChat before the tap, shows what needs no sign-in, and is silent from then on', async () => {
    const service = await startDemo('embedded')
    const folder = buildWaitingForTap()
    const device = createDeviceOf(service)
    const { app } = await open(service, device, folder)
    expect(app.page().route).toBe('pages/login/login')
    await app.tap('#decline')
    await app.settled()
    expect(app.exists('#signed-out')).toBe(true)
    expect(service.world.ledger.count('wx.login')).toBe(0)
    await app.close()

    const { app: again } = await open(service, device, folder)
    await again.tap('#login >>> .login')
    await again.settled()
    expect(service.world.ledger.count('wx.login')).toBe(0)
    await again.input('#agreement', ['agreed'])
    await again.settled()
    await again.tap('#login >>> .login')
    await again.settled()
    expect(again.exists('#products')).toBe(true)
    await again.close()

    service.world.clock.advance(7_201_000)
    const { app: later } = await open(service, device, folder)
    expect(later.exists('#products')).toBe(true)
    expect(service.world.ledger.count('wx.login')).toBe(2)
  })
})

describe('the built folder', () => {
  test('is what WeChat DevTools opens', () => {
    const project = JSON.parse(readFileSync(join(FOLDER, 'project.config.json'), 'utf8'))
    expect(join(FOLDER, project.miniprogramRoot, '.')).toBe(BUILT)
    const { pages } = JSON.parse(readFileSync(join(BUILT, 'app.json'), 'utf8'))
    for (const page of pages) {
      for (const kind of ['js', 'json', 'wxml', 'wxss']) expect(existsSync(join(BUILT, `${page}.${kind}`))).toBe(true)
    }
    expect(globSync('**/*.ts', { cwd: BUILT })).toEqual([])
  })

  test("holds the client's file, byte for byte", () => {
    const entry = fileURLToPath(import.meta.resolve('@weapp-auth/client'))
    const packed = readFileSync(join(BUILT, 'miniprogram_npm/@weapp-auth/client/index.js'))
    expect(packed.equals(readFileSync(entry))).toBe(true)
  })
})
