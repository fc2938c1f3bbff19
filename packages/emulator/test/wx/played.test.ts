import { describe, expect, test } from 'vitest'
import { createManualPhone, outcomeOf } from '../manual-phone.ts'

type Any = Record<string, (...args: never[]) => unknown>

function createPhone(options: Parameters<typeof createManualPhone>[0] = {}) {
  const phone = createManualPhone(options)
  /** A call of `wx` with callbacks, as a promise. */
  const call = (api: string, options: object = {}): Promise<Record<string, unknown>> =>
    outcomeOf((callbacks) => (phone.wx as unknown as Any)[api]?.({ ...options, ...callbacks } as never))
  return { ...phone, call }
}

describe('what programs ask for when they start', () => {
  test('a listener that is no function is none, and the app goes on', async () => {
    const { wx, device } = createPhone()
    const none = undefined as never
    const manager = wx.getUpdateManager()
    manager.onCheckForUpdate(none)
    manager.onUpdateReady(none)
    wx.onNeedPrivacyAuthorization(none)
    await device.idle()
    expect(device.ledger.entries().filter(({ event }) => event === 'app.error')).toEqual([])
  })

  test('getUpdateManager says that there is no update, or that one is ready', async () => {
    const { wx, device } = createPhone()
    const told: unknown[] = []
    const listen = () => {
      const manager = wx.getUpdateManager()
      manager.onCheckForUpdate((result) => told.push(result))
      manager.onUpdateReady(() => {
        told.push('ready')
        manager.applyUpdate()
      })
      manager.onUpdateFailed(() => told.push('failed'))
    }
    listen()
    expect(told).toEqual([])
    await device.idle()
    await expect.poll(() => told).toEqual([{ hasUpdate: false }])
    device.update.state = 'ready'
    listen()
    await expect.poll(() => told.slice(1)).toEqual([{ hasUpdate: true }, 'ready'])
    expect(device.ledger.count('app.applyUpdate')).toBe(1)
  })

  test('getExtConfig answers what the device was given, a copy each time', async () => {
    const { wx, call } = createPhone({ extConfig: { shop: { id: 5 } } })
    const config = wx.getExtConfigSync() as { shop: { id: number } }
    config.shop.id = 6
    expect(wx.getExtConfigSync()).toEqual({ shop: { id: 5 } })
    expect(await call('getExtConfig')).toEqual({ extConfig: { shop: { id: 5 } }, errMsg: 'getExtConfig:ok' })
    expect(createPhone().wx.getExtConfigSync()).toEqual({})
  })

  test('getLaunchOptionsSync tells how the app was started, getEnterOptionsSync how it was opened last', () => {
    const { wx, device } = createPhone()
    device.lifecycle.launch({ path: 'pages/a/a', query: { id: '1' }, scene: 1011 })
    device.lifecycle.show({ path: 'pages/b/b', scene: 1089 })
    expect(wx.getLaunchOptionsSync()).toMatchObject({ path: 'pages/a/a', query: { id: '1' }, scene: 1011 })
    expect(wx.getEnterOptionsSync()).toMatchObject({ path: 'pages/b/b', scene: 1089 })
  })
})

describe('permissions', () => {
  test('a permission that was given once is remembered, until the user changes it in the settings', async () => {
    const { device, call } = createPhone()
    expect((await call('getSetting')).authSetting).toEqual({})
    await call('authorize', { scope: 'scope.record' })
    device.choices.allow = false
    await call('authorize', { scope: 'scope.record' })
    await expect(call('authorize', { scope: 'scope.camera' })).rejects.toEqual({
      errMsg: 'authorize:fail auth deny',
      errno: 103,
    })
    expect((await call('getSetting')).authSetting).toEqual({ 'scope.record': true, 'scope.camera': false })
    device.choices.allow = true
    expect((await call('openSetting')).authSetting).toEqual({ 'scope.record': true, 'scope.camera': true })
    await expect(call('authorize', {})).rejects.toMatchObject({ errMsg: expect.stringContaining('parameter error') })
  })

  test('a call asks for its own scope, and fails when the user refuses', async () => {
    const { device, call } = createPhone()
    device.answers.set('getLocation', { latitude: 39.9, longitude: 116.4 })
    device.choices.allow = false
    await expect(call('getLocation')).rejects.toMatchObject({ errMsg: 'getLocation:fail auth deny' })
    await call('openSetting')
    device.choices.allow = true
    await call('openSetting')
    expect(await call('getLocation')).toMatchObject({ latitude: 39.9, longitude: 116.4 })
  })
})

describe('the privacy agreement', () => {
  test('the privacy agreement is not needed unless a test says so', async () => {
    const { call } = createPhone()
    expect(await call('getPrivacySetting')).toMatchObject({
      needAuthorization: false,
      privacyContractName: expect.any(String),
    })
    await call('chooseMedia')
  })

  test('WeChat asks for the privacy agreement where the app does not, and the user answers', async () => {
    const { device, call } = createPhone()
    Object.assign(device.privacy, { needed: true })
    Object.assign(device.choices, { allow: false })
    const refused = { errMsg: 'chooseMedia:fail privacy permission is not authorized', errno: 101102 }
    await expect(call('chooseMedia')).rejects.toEqual(refused)
    expect(await call('getPrivacySetting')).toMatchObject({ needAuthorization: true })
    device.choices.allow = true
    await call('chooseMedia')
    expect(await call('getPrivacySetting')).toMatchObject({ needAuthorization: false })
  })

  test('an app that listens asks for the privacy agreement itself: the call waits for what it resolves', async () => {
    const { device, wx, call } = createPhone()
    device.privacy.needed = true
    const asked: string[] = []
    let answer: (event: 'agree' | 'disagree') => void = () => {}
    wx.onNeedPrivacyAuthorization((resolve, { referrer }) => {
      asked.push(referrer)
      resolve({ event: 'exposureAuthorization' })
      answer = (event) => resolve({ event, buttonId: 'agree' })
    })
    const first = call('getClipboardData')
    await expect.poll(() => asked).toEqual(['getClipboardData'])
    answer('disagree')
    await expect(first).rejects.toMatchObject({ errno: 101102 })
    const second = call('requirePrivacyAuthorize')
    await expect.poll(() => asked).toHaveLength(2)
    answer('agree')
    await second
    await call('getClipboardData')
    expect(asked).toHaveLength(2)
  })
})

describe('answers of the tester', () => {
  test.each([
    ['requestPayment', { timeStamp: '1' }],
    ['chooseAddress', { userName: 'Alice' }],
    ['scanCode', { result: 'https://example.com', scanType: 'QR_CODE' }],
    ['chooseLocation', { name: 'Home' }],
  ])('%s succeeds with what was set, and the ledger says that it was answered', async (api, result) => {
    const { device, wx, call } = createPhone()
    await expect(call(api)).rejects.toMatchObject({ errMsg: `${api}:fail not played by the emulator`, errno: 100 })
    expect(wx.canIUse(api)).toBe(false)
    device.answers.set(api, result)
    expect(wx.canIUse(api)).toBe(true)
    expect(await call(api)).toEqual({ ...result, errMsg: `${api}:ok` })
    expect([device.ledger.count('wx.answered', { api }), device.ledger.count('wx.notPlayed', { api })]).toEqual([1, 1])
  })

  test('an Error fails, a function sees the options, and both can be taken back', async () => {
    const { device, call } = createPhone()
    device.answers.set('requestPayment', new Error('cancel'))
    await expect(call('requestPayment')).rejects.toEqual({ errMsg: 'requestPayment:fail cancel' })
    device.answers.set('requestPayment', ({ package: prepay }) => (prepay === 'good' ? {} : new Error('no such order')))
    expect(await call('requestPayment', { package: 'good' })).toEqual({ errMsg: 'requestPayment:ok' })
    await expect(call('requestPayment', {})).rejects.toMatchObject({ errMsg: 'requestPayment:fail no such order' })
    device.answers.clear('requestPayment')
    await expect(call('requestPayment')).rejects.toMatchObject({ errMsg: expect.stringContaining('not played') })
  })

  test.each(['login', 'getSetting', 'onAppShow', 'doesNotExist'])('a tester cannot answer for %s', (api) => {
    const { device } = createPhone()
    expect(() => device.answers.set(api, {})).toThrow(`wx.${api} takes no answer`)
  })
})

describe('pictures', () => {
  test('chooseMedia and chooseImage give the picture of the test, getImageInfo its size', async () => {
    const { device, call } = createPhone()
    const { tempFiles } = (await call('chooseMedia')) as { tempFiles: { tempFilePath: string; size: number }[] }
    expect(tempFiles).toEqual([
      expect.objectContaining({ fileType: 'image', width: 8, height: 8, size: device.choices.picture.length }),
    ])
    const { tempFilePaths } = (await call('chooseImage')) as { tempFilePaths: string[] }
    expect(device.files.read(tempFilePaths[0] ?? '')).toEqual(device.choices.picture)
    expect(await call('getImageInfo', { src: tempFilePaths[0] })).toMatchObject({ width: 8, height: 8, type: 'png' })
    await expect(call('getImageInfo', { src: 'wxfile://lost' })).rejects.toMatchObject({
      errMsg: "getImageInfo:fail file doesn't exist: wxfile://lost",
    })
    await call('previewImage', { urls: tempFilePaths })
    expect(device.ledger.count('ui.preview')).toBe(1)
    device.choices.allow = false
    await expect(call('chooseImage')).rejects.toEqual({ errMsg: 'chooseImage:fail cancel' })
  })

  test('the size of a JPEG is read as well', async () => {
    const { device, call } = createPhone()
    // A start, a comment, a frame of 30 x 20.
    const jpeg = [0xff, 0xd8, 0xff, 0xfe, 0, 4, 1, 2, 0xff, 0xc0, 0, 11, 8, 0, 20, 0, 30, 1, 0, 0, 0]
    const src = device.files.create(Uint8Array.from(jpeg), '.jpg')
    expect(await call('getImageInfo', { src })).toMatchObject({ width: 30, height: 20, type: 'jpeg' })
  })
})

describe('the file system', () => {
  test('the file system writes, reads, lists and removes, with Sync and without', async () => {
    const { wx } = createPhone()
    const fs = wx.getFileSystemManager() as Any
    const later = (name: string, options: object) =>
      outcomeOf((callbacks) => fs[name]?.({ ...options, ...callbacks } as never))
    const sync = (name: string, ...args: unknown[]) => fs[`${name}Sync`]?.(...(args as never[]))
    const root = wx.env.USER_DATA_PATH
    sync('mkdir', `${root}/a/b`, true)
    sync('writeFile', `${root}/a/b/c.txt`, '你好', 'utf8')
    await later('appendFile', { filePath: `${root}/a/b/c.txt`, data: '!' })
    expect(sync('readFile', `${root}/a/b/c.txt`, 'utf8')).toBe('你好!')
    expect(new Uint8Array(sync('readFile', `${root}/a/b/c.txt`) as ArrayBuffer)).toHaveLength(7)
    expect(await later('readFile', { filePath: `${root}/a/b/c.txt`, encoding: 'base64' })).toMatchObject({
      data: btoa(String.fromCharCode(...new TextEncoder().encode('你好!'))),
    })
    expect(sync('readdir', `${root}/a`)).toEqual(['b'])
    sync('copyFile', `${root}/a/b/c.txt`, `${root}/copy.txt`)
    sync('rename', `${root}/copy.txt`, `${root}/moved.txt`)
    expect((sync('stat', `${root}/moved.txt`) as { size: number; isFile(): boolean }).isFile()).toBe(true)
    sync('unlink', `${root}/moved.txt`)
    expect(() => sync('access', `${root}/moved.txt`)).toThrow('accessSync:fail no such file or directory')
    await expect(later('rmdir', { dirPath: `${root}/a` })).rejects.toMatchObject({
      errMsg: expect.stringContaining('rmdir:fail directory not empty'),
    })
    sync('rmdir', `${root}/a`, true)
    expect(sync('readdir', root)).toEqual([])
  })

  test('a temporary file can be saved, and outside its own folder a program writes nothing', async () => {
    const { wx, device } = createPhone()
    const fs = wx.getFileSystemManager() as Any
    const saved = fs.saveFileSync?.(device.files.create('text', '.txt') as never) as string
    expect(saved).toMatch(/^wxfile:\/\/usr\/tmp_\d+\.txt$/)
    expect(fs.readFileSync?.(saved as never, 'utf8' as never)).toBe('text')
    expect(() => fs.writeFileSync?.('/etc/passwd' as never, '' as never)).toThrow(
      'writeFileSync:fail permission denied',
    )
    expect(() => fs.writeFileSync?.('wxfile://usr/none/a' as never, '' as never)).toThrow('no such file or directory')
  })
})

describe('what WeChat draws', () => {
  test('the clipboard keeps what was set', async () => {
    const { call } = createPhone()
    expect(await call('getClipboardData')).toMatchObject({ data: '' })
    await call('setClipboardData', { data: 'text' })
    expect(await call('getClipboardData')).toMatchObject({ data: 'text' })
    await expect(call('setClipboardData', { data: 5 })).rejects.toMatchObject({
      errMsg: expect.stringContaining('parameter error'),
    })
  })

  test('of an action sheet the user takes an item, or none', async () => {
    const { call, device } = createPhone()
    expect(await call('showActionSheet', { itemList: ['a', 'b'] })).toMatchObject({ tapIndex: 0 })
    device.choices.item = 1
    expect(await call('showActionSheet', { itemList: ['a', 'b'] })).toMatchObject({ tapIndex: 1 })
    device.choices.item = null
    await expect(call('showActionSheet', { itemList: ['a'] })).rejects.toEqual({
      errMsg: 'showActionSheet:fail cancel',
    })
    await expect(call('showActionSheet', { itemList: [] })).rejects.toMatchObject({
      errMsg: expect.stringContaining('1 to 6'),
    })
  })

  test('tabs have badges and red dots, and the bar can be hidden', async () => {
    const { call, device } = createPhone()
    await call('setTabBarBadge', { index: 1, text: '5' })
    await call('showTabBarRedDot', { index: 2 })
    expect([0, 1, 2].map(device.tabBar.badge)).toEqual([null, '5', '•'])
    await call('removeTabBarBadge', { index: 1 })
    await call('hideTabBarRedDot', { index: 2 })
    expect([1, 2].map(device.tabBar.badge)).toEqual([null, null])
    await call('hideTabBar')
    expect(device.tabBar.isShown).toBe(false)
    await expect(call('setTabBarBadge', { text: '5' })).rejects.toMatchObject({
      errMsg: expect.stringContaining('should be Number'),
    })
  })

  test('an animation is written down and exported once', () => {
    const { wx } = createPhone()
    const animation = wx.createAnimation({ duration: 100 }) as Any & { rotate(degrees: number): Any }
    animation.rotate(45).scale?.(2 as never, 3 as never)
    animation.step?.({ delay: 5 } as never)
    expect(animation.export?.()).toEqual({
      actions: [
        {
          animates: [
            { type: 'rotate', args: [45] },
            { type: 'scale', args: [2, 3] },
          ],
          option: {
            transformOrigin: '50% 50% 0',
            transition: { duration: 100, timingFunction: 'linear', delay: 5 },
          },
        },
      ],
    })
    expect(animation.export?.()).toEqual({ actions: [] })
  })

  test('a canvas writes down what is drawn, and gives a picture', async () => {
    const { wx, device, call } = createPhone()
    const context = wx.createCanvasContext('poster') as Any & { fillStyle: string }
    context.fillStyle = 'red'
    context.fillText?.('Hi' as never, 1 as never, 2 as never)
    expect(context.measureText?.('Hi你' as never)).toEqual({ width: 20 })
    const drawn = new Promise<void>((resolve) => context.draw?.(false as never, resolve as never))
    await drawn
    expect(device.canvases.drawing('poster').calls).toEqual([
      { name: 'fillStyle=', args: ['red'] },
      { name: 'fillText', args: ['Hi', 1, 2] },
      { name: 'measureText', args: ['Hi你'] },
      { name: 'draw', args: [false] },
    ])
    const { tempFilePath } = await call('canvasToTempFilePath', { canvasId: 'poster' })
    expect(device.files.read(String(tempFilePath))).not.toBeNull()
  })

  test('an offscreen canvas has a context, and its pictures load', async () => {
    const { wx } = createPhone()
    const canvas = wx.createOffscreenCanvas({ width: 10, height: 20 }) as unknown as {
      width: number
      getContext(type: string): { canvas: unknown; getImageData(...args: number[]): { data: { length: number } } }
      createImage(): { onload: () => void; src: string }
    }
    const context = canvas.getContext('2d')
    expect([canvas.width, context.canvas, canvas.getContext('2d')]).toEqual([10, canvas, context])
    expect(context.getImageData(0, 0, 2, 2).data).toHaveLength(16)
    const image = canvas.createImage()
    await new Promise<void>((resolve) => {
      image.onload = resolve
      image.src = 'a.png'
    })
  })
})

describe('the cache manager', () => {
  test('on a weak network a login answers with the code before, and says so', async () => {
    const { wx, device } = createPhone()
    const { code } = await outcomeOf<{ code: string }>(wx.login)
    device.network.setOnline(false)
    await expect(outcomeOf(wx.login)).rejects.toMatchObject({ errno: 600001 })
    const manager = wx.createCacheManager()
    expect(manager.state).toBe(2)
    expect(await outcomeOf(wx.login)).toEqual({ code, fromCache: true, errMsg: 'login:ok' })
    expect(await outcomeOf(wx.checkSession)).toMatchObject({ fromCache: true })
    manager.stop()
    expect(manager.state).toBe(0)
    await expect(outcomeOf(wx.login)).rejects.toMatchObject({ errno: 600001 })
    manager.start()
    device.network.setOnline(true)
    expect(manager.state).toBe(1)
    expect(await outcomeOf(wx.login)).not.toHaveProperty('fromCache')
  })

  test('the cache manager tells when the network becomes weak and good again', async () => {
    const { wx, device } = createPhone()
    const told: string[] = []
    const manager = wx.createCacheManager()
    manager.on('enterWeakNetwork', () => told.push('weak'))
    manager.on('exitWeakNetwork', () => told.push('good'))
    device.network.setOnline(true, '2g')
    device.network.setOnline(true, 'wifi')
    await expect.poll(() => told).toEqual(['weak', 'good'])
  })
})
