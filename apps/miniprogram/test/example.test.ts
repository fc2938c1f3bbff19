import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createDevice, type Device, launchApp, localLink, type RunningApp } from '@weapp-auth/emulator'
import { describe, expect, onTestFinished, test } from 'vitest'
import { demo } from '../../server/src/demo.ts'
import { COLUMNS, isAvailable, type Service, startService } from '../../server/test/service.ts'

const FOLDER = join(import.meta.dirname, '..')
const BUILT = join(FOLDER, 'dist')

/** The whole example in the host, on an emulated phone, against the real service over HTTP. */
describe.each(COLUMNS.filter(isAvailable))('the example, stores %s', (column) => {
  test('signs in at launch and shows the products', async () => {
    const service = await startDemo(column)
    const { app } = await open(service)
    expect(app.text('#products')).toContain('西湖龙井¥ 128.00')
    expect(app.text('#nickname')).toBe('微信用户')
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
    await app.tap('#to-profile')
    await app.settled()
    await app.input('#nickname', '小明')
    await app.input('#city', '杭州')
    await app.tap('#save')
    await app.settled()
    expect(app.text('#message')).toBe('已保存')

    const { app: elsewhere } = await open(service)
    expect(elsewhere.text('#nickname')).toBe('小明')
  })

  test('what the service refuses of the profile is told', async () => {
    const service = await startDemo(column)
    const { app } = await open(service)
    await app.tap('#to-profile')
    await app.settled()
    await app.input('#nickname', 'a\u202Eb')
    await app.tap('#save')
    await app.settled()
    expect(app.text('#message')).toMatch(/^保存失败：nickname/)
  })

  test('signing out the other devices says how many there were', async () => {
    const service = await startDemo(column)
    const { app } = await open(service)
    await app.tap('#to-profile')
    await app.settled()
    await app.tap('#sign-out-others')
    await app.settled()
    expect(app.text('#message')).toBe('没有其他已登录的设备')

    await open(service)
    await app.tap('#sign-out-others')
    await app.settled()
    expect(app.text('#message')).toBe('已退出其他 1 台设备')
  })

  test('a service in trouble is told on the profile page', async () => {
    const service = await startDemo(column)
    const { app, device } = await open(service)
    device.faults.set('wx.request', { status: 503 })
    await app.tap('#to-profile')
    await app.settled()
    expect(app.text('#message')).toBe('服务暂时不可用，请稍后重试')
    await app.tap('#sign-out-others')
    await app.settled()
    expect(app.text('#message')).toBe('服务暂时不可用，请稍后重试')
    await app.tap('#save')
    await app.settled()
    expect(app.text('#message')).toBe('保存失败：服务暂时不可用，请稍后重试')
  })

  test('a sign-out lasts until the next tap, over a restart too', async () => {
    const service = await startDemo(column)
    const { app, device } = await open(service)
    await app.tap('#to-profile')
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
    const device = createPhone(service)
    device.network.setOnline(false)
    const { app } = await open(service, device)
    expect(app.text('#error')).toContain('网络')
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

async function startDemo(column: (typeof COLUMNS)[number]): Promise<Service> {
  return startService(column, async (app) => {
    await app.register(demo)
  })
}

function createPhone({ world, baseUrl }: Service): Device {
  return createDevice({
    link: localLink(world),
    appid: world.apps[0]?.appid ?? '',
    resolve: (url) => new URL(url.pathname + url.search, baseUrl),
  })
}

async function open(service: Service, device = createPhone(service)): Promise<{ app: RunningApp; device: Device }> {
  const app = await launchApp({ folder: FOLDER, device, console: { ...console, warn: () => {} } })
  onTestFinished(() => app.close())
  await app.settled()
  return { app, device }
}
