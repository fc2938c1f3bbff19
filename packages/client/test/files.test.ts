import { describe, expect, test } from 'vitest'
import { problem } from './fake-service.ts'
import { createPhone } from './phone.ts'
import { flush, watch } from './watch.ts'

describe('uploadFile', () => {
  test('uploadFile signs in, sends the file with the token, and gives the body as wx does: a string', async () => {
    const { auth, service, device } = createPhone()
    const filePath = device.files.create('the bytes of a picture', '.png')
    const { data, statusCode } = await auth.uploadFile({
      url: '/avatar',
      filePath,
      name: 'file',
      formData: { kind: 'square' },
    })
    expect(statusCode).toBe(200)
    expect(JSON.parse(data)).toEqual({ ok: true })
    const call = service.calls.at(-1)
    expect(call).toMatchObject({ method: 'POST', path: '/avatar', token: 'wxs1.000.token-1' })
    expect(call?.bytes).toContain('the bytes of a picture')
    expect(call?.bytes).toContain('square')
  })

  test('after a 401 sends the same file once more', async () => {
    const { auth, service, device, count } = createPhone()
    await auth.ensureLogin()
    service.revokeAll()
    const filePath = device.files.create('picture')
    expect((await auth.uploadFile({ url: '/avatar', filePath, name: 'file' })).statusCode).toBe(200)
    expect(count('wx.login')).toBe(2)
    expect(service.paths().filter((path) => path === 'POST /avatar')).toHaveLength(2)
  })

  test('uploadFile finds the reason of a 401 in the text: after `admin` nobody signs in silently', async () => {
    const { auth, service, device, count } = createPhone()
    await auth.ensureLogin()
    service.revokeAll('admin')
    const filePath = device.files.create('picture')
    await expect(auth.uploadFile({ url: '/avatar', filePath, name: 'file' })).rejects.toMatchObject({
      code: 'logged_out',
    })
    expect(count('wx.login')).toBe(1)
  })

  test("uploadFile shows isUnauthorized the body as an object, as a request's: a code in it leads to one login", async () => {
    const { auth, service, device, count } = createPhone({
      isUnauthorized: ({ data }) => (data as { code?: number } | undefined)?.code === 401,
    })
    await auth.ensureLogin()
    const first = auth.getSession()?.id
    service.business = ({ token, path }) => {
      if (path === '/v1/session') return service.answerFor(token)
      const isGood = token !== 'wxs1.000.token-1'
      return { status: 200, data: isGood ? { ok: true } : { code: 401 } }
    }
    service.revokeAll()
    const { data } = await auth.uploadFile({ url: '/avatar', filePath: device.files.create('picture'), name: 'file' })
    expect(JSON.parse(data)).toEqual({ ok: true })
    expect([count('wx.login'), auth.getSession()?.id === first]).toEqual([2, false])
  })

  test('reports its progress', async () => {
    const { auth, device } = createPhone()
    const upload = auth.uploadFile({ url: '/avatar', filePath: device.files.create('picture'), name: 'file' })
    const told: number[] = []
    upload.onProgressUpdate(({ progress }) => told.push(progress))
    await upload
    await flush()
    expect(told).toEqual([100])
  })

  test('with replay: false leaves a 401 to the caller', async () => {
    const { auth, service, device, count } = createPhone()
    await auth.ensureLogin()
    service.revokeAll()
    const filePath = device.files.create('picture')
    const upload = auth.uploadFile({ url: '/avatar', filePath, name: 'file', replay: false })
    await expect(upload).rejects.toMatchObject({ code: 'unauthorized' })
    expect(count('wx.login')).toBe(1)
  })
})

describe('downloadFile', () => {
  test('downloadFile signs in, and gives the file', async () => {
    const { auth, service, device } = createPhone()
    service.business = (call) => (call.token ? { status: 200, data: 'the receipt' } : problem(401, 'session_missing'))
    const { tempFilePath, statusCode } = await auth.downloadFile({ url: '/receipt' })
    expect(statusCode).toBe(200)
    expect(new TextDecoder().decode(device.files.read(tempFilePath) ?? undefined)).toBe('the receipt')
  })

  test('after a 401 logs in and downloads once more', async () => {
    const { auth, service, count } = createPhone()
    await auth.ensureLogin()
    service.revokeAll()
    expect((await auth.downloadFile({ url: '/receipt' })).statusCode).toBe(200)
    expect(count('wx.login')).toBe(2)
  })

  test('downloadFile asks the service for the reason, because a file has none', async () => {
    const { auth, service, count } = createPhone()
    await auth.ensureLogin()
    service.revokeAll('signed_out_elsewhere')
    await expect(auth.downloadFile({ url: '/receipt' })).rejects.toMatchObject({ code: 'logged_out' })
    expect(count('wx.login')).toBe(1)
    expect(service.paths().slice(1)).toEqual(['GET /receipt', 'GET /v1/session'])
  })

  test('a request for raw bytes asks the service, too', async () => {
    const { auth, service, count } = createPhone()
    await auth.ensureLogin()
    service.revokeAll('admin')
    const request = auth.request({ url: '/receipt', responseType: 'arraybuffer' })
    await expect(request).rejects.toMatchObject({ code: 'logged_out' })
    expect(count('wx.login')).toBe(1)
  })

  test('downloadFile does not log in when the service cannot be asked', async () => {
    const { auth, service, count } = createPhone()
    await auth.ensureLogin()
    service.revokeAll()
    service.sessionRoute = () => 'lose'
    await expect(auth.downloadFile({ url: '/receipt' })).rejects.toMatchObject({ code: 'unauthorized' })
    expect(count('wx.login')).toBe(1)
    expect(auth.getSession()).not.toBeNull()
  })
})

describe('the ten places of wx', () => {
  test('the ten places of wx are free while requests wait for a login', async () => {
    const { auth, service } = createPhone()
    service.exchanges.push('hold')
    const waiting = Array.from({ length: 12 }, (_, n) => watch(auth.request({ url: `/r${n}` })))
    await flush()
    const free = await auth.request({ url: '/public', auth: 'none' })
    expect(free.statusCode).toBe(401)
    await service.held[0]?.answer(201, service.issue())
    await flush()
    expect(waiting.every(({ state }) => state === 'resolved')).toBe(true)
  })
})
