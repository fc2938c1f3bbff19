import { cpSync, existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
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

describe('the example whose first sign-in waits for a tap', () => {
  test('asks nobody at WeChat before the tap, shows what needs no sign-in, and is silent from then on', async () => {
    const service = await startDemo('embedded')
    const folder = mkdtempSync(join(tmpdir(), 'weapp-auth-tap-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    cpSync(BUILT, folder, { recursive: true })
    const config = readFileSync(join(folder, 'config.js'), 'utf8')
    expect(config).toContain('"silent"')
    writeFileSync(join(folder, 'config.js'), config.replace('"silent"', '"tap"'))

    const device = createDeviceOf(service)
    const { app } = await open(service, device, folder)
    expect(app.page().route).toBe('pages/login/login')
    await app.tap('#decline')
    await app.settled()
    expect(app.exists('#signed-out')).toBe(true)
    expect(service.world.ledger.count('wx.login')).toBe(0)
    await app.close()

    const { app: again } = await open(service, device, folder)
    expect(again.exists('#login')).toBe(false)
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

async function startDemo(column: (typeof COLUMNS)[number]): Promise<Service> {
  return startService(column, async (app) => {
    await app.register(demo)
  })
}

function createDeviceOf({ world, baseUrl }: Service): Device {
  return createDevice({
    link: localLink(world),
    appid: world.apps[0]?.appid ?? '',
    resolve: (url) => new URL(url.pathname + url.search, baseUrl),
  })
}

async function openProfile(app: RunningApp): Promise<void> {
  await app.switchTab('pages/profile/profile')
  await app.settled()
}

async function open(
  service: Service,
  device = createDeviceOf(service),
  folder = FOLDER,
): Promise<{ app: RunningApp; device: Device }> {
  const app = await launchApp({ folder, device, console: { ...console, warn: () => {} } })
  onTestFinished(() => app.close())
  await app.settled()
  return { app, device }
}
