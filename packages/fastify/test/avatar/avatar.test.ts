import { once } from 'node:events'
import { connect } from 'node:net'
import sharp from 'sharp'
import { describe, expect, it, vi } from 'vitest'
import { newAvatarName, ownerOf } from '../../src/avatar/names.ts'
import { openAvatars } from '../../src/avatar/open-avatars.ts'
import { ApiError, type AvatarStore, type AvatarsOptions } from '../../src/index.ts'
import { APPID, type ServiceOptions, startService } from '../service.ts'
import { bomb, noise, twoColours } from './pictures.ts'

interface MemoryStore extends AvatarStore {
  pictures: Map<string, { jpeg: Buffer; keptAtMs: number }>
}

function memoryStore(): MemoryStore {
  const pictures: MemoryStore['pictures'] = new Map()
  return {
    pictures,
    put: async (name, jpeg) => void pictures.set(name, { jpeg, keptAtMs: Date.now() }),
    find: async (name) => pictures.get(name)?.jpeg ?? null,
    remove: async (name) => void pictures.delete(name),
    list: async (owner) =>
      [...pictures].filter(([name]) => name.startsWith(owner)).map(([name, { keptAtMs }]) => ({ name, keptAtMs })),
  }
}

async function startWithAvatars({ publicUrl, ...options }: ServiceOptions & Partial<AvatarsOptions> = {}) {
  const store = memoryStore()
  const service = await startService({ ...options, avatars: { store, ...(publicUrl && { publicUrl }) } })
  const upload = (headers: object, ...parts: Part[]) =>
    service.app.inject({ method: 'POST', url: '/v1/me/avatar', ...form(headers, parts) })
  const names = () => [...store.pictures.keys()]
  return { ...service, store, upload, names }
}

type Part = Buffer | readonly [name: string, value: string] | undefined

const BOUNDARY = '----wx-boundary'

/** What `wx.uploadFile` sends: its `formData` first, then the file. */
function form(headers: object, parts: readonly Part[]) {
  const chunks = parts.flatMap((part) => {
    if (part === undefined) return []
    const [name, content] = Buffer.isBuffer(part) ? ['file"; filename="tmp_1.exe', part] : part
    const head = `--${BOUNDARY}\r\ncontent-disposition: form-data; name="${name}"\r\ncontent-type: ${Buffer.isBuffer(part) ? 'application/x-msdownload' : 'text/plain'}\r\n\r\n`
    return [Buffer.from(head), Buffer.from(content), Buffer.from('\r\n')]
  })
  return {
    headers: { ...headers, 'content-type': `multipart/form-data; boundary=${BOUNDARY}` },
    payload: Buffer.concat([...chunks, Buffer.from(`--${BOUNDARY}--\r\n`)]),
  }
}

const jpeg = () => twoColours().jpeg().toBuffer()
const pathOf = (avatarUrl: string) => new URL(avatarUrl).pathname

describe('POST /v1/me/avatar', () => {
  it('an uploaded picture is kept, and everybody finds it under the address that the profile shows', async () => {
    const { app, signIn, upload, users } = await startWithAvatars()
    const { headers, userId } = await signIn()
    await app.inject({ method: 'POST', url: '/v1/me/profile', headers, payload: { nickname: '小明' } })
    const showing = async () => (await app.inject({ url: '/v1/session', headers })).json().user.profile
    expect(await showing()).toMatchObject({ avatarUrl: '' })
    const changing = vi.spyOn(users, 'updateProfile')
    const answer = await upload(headers, ['scene', '1001'], await jpeg())
    expect(changing.mock.lastCall?.[2]).toBe('user')
    expect([answer.statusCode, answer.headers['cache-control']]).toEqual([200, 'no-store'])
    const { avatarUrl } = answer.json()
    expect(avatarUrl).toMatch(/^http:\/\/localhost(:80)?\/avatars\/[0-9a-f]{24}-[0-9a-f]{32}\.jpg$/)
    expect(avatarUrl).not.toContain(userId)
    const { profile } = (await app.inject({ url: '/v1/me', headers })).json().user
    expect(profile).toMatchObject({ nickname: '小明', avatarUrl })
    expect(await showing()).toEqual(profile)

    const picture = await app.inject({ url: pathOf(avatarUrl) })
    expect(picture.headers).toMatchObject({
      'content-type': 'image/jpeg',
      'cache-control': 'public, max-age=31536000, immutable',
      'x-content-type-options': 'nosniff',
      'content-security-policy': "default-src 'none'",
      'cross-origin-resource-policy': 'cross-origin',
    })
    expect(await sharp(picture.rawPayload).metadata()).toMatchObject({ format: 'jpeg', width: 80 })
    expect((await app.inject({ method: 'HEAD', url: pathOf(avatarUrl) })).statusCode).toBe(200)
  })

  it('the address of a picture is the configured one, or lies below the prefix of the plugin', async () => {
    const configured = await startWithAvatars({ publicUrl: 'http://cdn.example.com/pics//' })
    const { headers } = await configured.signIn()
    expect((await configured.upload(headers, await jpeg())).json().avatarUrl).toMatch(
      /^http:\/\/cdn\.example\.com\/pics\/[0-9a-f]{24}-/,
    )
    const { app } = await startService({ prefix: '/auth', avatars: { store: memoryStore() } })
    const { token } = await app.weappAuth.issue((await app.weappAuth.createUser()).id, { appid: APPID })
    const picture = form({ authorization: `Bearer ${token}` }, [await jpeg()])
    const { avatarUrl } = (await app.inject({ method: 'POST', url: '/auth/v1/me/avatar', ...picture })).json()
    expect(pathOf(avatarUrl)).toMatch(/^\/auth\/avatars\/[0-9a-f]{24}-/)
    expect((await app.inject({ url: pathOf(avatarUrl) })).statusCode).toBe(200)
    for (const publicUrl of ['cdn.example.com', 'shttps://x.example', 'https://x.example?v=1', 'https://x.example#a']) {
      await expect(startWithAvatars({ publicUrl })).rejects.toThrow('avatars.publicUrl must be')
    }
  })

  it('uploading a picture needs a session', async () => {
    const { upload, names } = await startWithAvatars()
    expect((await upload({}, await jpeg())).json()).toMatchObject({ status: 401, code: 'session_missing' })
    expect(names()).toEqual([])
  })

  it('one user may upload 20 pictures an hour', async () => {
    const { signIn, upload } = await startWithAvatars()
    const { headers } = await signIn()
    for (let i = 0; i < 20; i++) expect((await upload(headers)).statusCode).toBe(400)
    const refused = await upload(headers, await jpeg())
    expect(refused.json()).toMatchObject({ code: 'rate_limited', detail: 'more than 20 requests an hour' })
    expect(Number(refused.headers['retry-after'])).toBeGreaterThan(3_500)
    expect((await upload((await signIn('bob')).headers, await jpeg())).statusCode).toBe(200)
  })
})

describe('the old picture', () => {
  it('the old picture is removed when another one takes its place', async () => {
    const { signIn, upload, names } = await startWithAvatars()
    const { headers } = await signIn()
    await upload(headers, await jpeg())
    const [first] = names()
    await upload(headers, await jpeg())
    await expect.poll(names).toHaveLength(1)
    expect(names()).not.toEqual([first])
  })

  it('the old picture is removed when the profile shows none, or one from elsewhere, and stays when another field changes or the phone sends it again', async () => {
    const { app, signIn, upload, names } = await startWithAvatars({ publicUrl: 'https://x.example/avatars' })
    const { headers } = await signIn()
    const change = (payload: object) => app.inject({ method: 'POST', url: '/v1/me/profile', headers, payload })
    for (const avatarUrl of ['', 'https://example.com/a.png']) {
      const { avatarUrl: shown } = (await upload(headers, await jpeg())).json()
      for (const same of [{ nickname: 'x' }, { avatarUrl: shown }]) expect((await change(same)).statusCode).toBe(200)
      expect(names()).toHaveLength(1)
      await change({ avatarUrl })
      await expect.poll(names).toEqual([])
    }
  })

  it('the picture of another user stays, although a profile has shown it', async () => {
    const { app, signIn, upload, names } = await startWithAvatars({ publicUrl: 'https://x.example/avatars' })
    const [alice, bob] = [await signIn(), await signIn('bob')]
    const { avatarUrl } = (await upload(alice.headers, await jpeg())).json()
    for (const payload of [{ avatarUrl }, { avatarUrl: '' }]) {
      await app.inject({ method: 'POST', url: '/v1/me/profile', headers: bob.headers, payload })
    }
    await upload(bob.headers, await jpeg())
    expect(names()).toHaveLength(2)
    expect((await app.inject({ url: pathOf(avatarUrl) })).statusCode).toBe(200)
  })

  it('of eight pictures uploaded at the same time only the one that the profile shows stays', async () => {
    const { app, signIn, upload, names } = await startWithAvatars()
    const { headers } = await signIn()
    const file = await jpeg()
    const answers = await Promise.all(Array.from({ length: 8 }, () => upload(headers, file)))
    expect(answers.map(({ statusCode }) => statusCode)).toEqual(Array(8).fill(200))
    await expect.poll(names).toHaveLength(1)
    const { avatarUrl } = (await app.inject({ url: '/v1/me', headers })).json().user.profile
    expect(avatarUrl.endsWith(`/${names()[0]}`)).toBe(true)
  })

  it('a picture that a killed process has left is removed with the next upload, and one that is being uploaded is not', async () => {
    const { signIn, upload, store, names } = await startWithAvatars()
    const { headers, userId } = await signIn()
    const [left, fresh] = [newAvatarName(userId), newAvatarName(userId)]
    store.pictures.set(left, { jpeg: Buffer.from('x'), keptAtMs: Date.now() - 61_000 })
    store.pictures.set(fresh, { jpeg: Buffer.from('x'), keptAtMs: Date.now() })
    const removing = vi.spyOn(store, 'remove')
    await upload(headers, await jpeg())
    await expect.poll(names).not.toContain(left)
    expect(removing.mock.calls).toEqual([[left]])
    expect(names()).toHaveLength(2)
    expect(names()).toContain(fresh)
  })

  it('a picture that a profile names again stays, however old it is, and the others that were left are removed', async () => {
    const { app, signIn, store, names } = await startWithAvatars()
    const { headers, userId } = await signIn()
    const [named, left] = [newAvatarName(userId), newAvatarName(userId)]
    for (const name of [named, left]) store.pictures.set(name, { jpeg: Buffer.from('x'), keptAtMs: 0 })
    const payload = { avatarUrl: `https://cdn.example.com/avatars/${named}` }
    await app.inject({ method: 'POST', url: '/v1/me/profile', headers, payload })
    await expect.poll(names).toEqual([named])
  })

  it('an old picture that cannot be removed does not stop the new one, and is named in the log', async () => {
    const lines: string[] = []
    const { signIn, upload, store } = await startWithAvatars({
      server: { logger: { stream: { write: (line: string) => void lines.push(line) } } },
    })
    const { headers } = await signIn()
    await upload(headers, await jpeg())
    store.remove = () => Promise.reject(new ApiError('store_unavailable', 'the bucket is away'))
    expect((await upload(headers, await jpeg())).statusCode).toBe(200)
    await expect.poll(() => lines.join('')).toContain('an old avatar could not be removed')
  })
})

describe('an erased account', () => {
  it('an erased account leaves no picture, also none that its profile does not show', async () => {
    const { app, signIn, upload, store, names } = await startWithAvatars()
    const [alice, bob] = [await signIn(), await signIn('bob')]
    for (const { headers } of [alice, bob]) await upload(headers, await jpeg())
    store.pictures.set(newAvatarName(alice.userId), { jpeg: Buffer.from('x'), keptAtMs: Date.now() })
    expect(await app.weappAuth.eraseUser(alice.userId)).toBe(true)
    expect(names()).toEqual([expect.stringMatching(`^${ownerOf(bob.userId)}`)])
  })

  it('an upload that was under way gives an erased account no picture', async () => {
    const { signIn, upload, users, names } = await startWithAvatars()
    const { headers } = await signIn()
    users.updateProfile = async () => null
    expect((await upload(headers, await jpeg())).json()).toMatchObject({ code: 'session_invalid' })
    expect(names()).toEqual([])
  })
})

describe('a fault', () => {
  it('a full disk under the pictures is 503, and the profile keeps its picture', async () => {
    const { app, signIn, upload, store } = await startWithAvatars()
    const { headers } = await signIn()
    const { avatarUrl } = (await upload(headers, await jpeg())).json()
    store.put = () => Promise.reject(new ApiError('store_unavailable', 'ENOSPC', { retryAfterSeconds: 1 }))
    const answer = await upload(headers, await jpeg())
    expect(answer.json()).toMatchObject({ status: 503, code: 'store_unavailable' })
    expect(answer.body).not.toContain('ENOSPC')
    expect((await app.inject({ url: '/v1/me', headers })).json().user.profile.avatarUrl).toBe(avatarUrl)
    expect((await app.inject({ url: pathOf(avatarUrl) })).statusCode).toBe(200)
  })

  it('a user store that fails leaves the new picture, because the profile may show it already', async () => {
    const { app, signIn, upload, users } = await startWithAvatars()
    const { headers } = await signIn()
    const { updateProfile } = users
    users.updateProfile = async (...args) => {
      await updateProfile(...args)
      throw new ApiError('store_unavailable', 'the answer was lost')
    }
    expect((await upload(headers, await jpeg())).json()).toMatchObject({ code: 'store_unavailable' })
    const { avatarUrl } = (await app.inject({ url: '/v1/me', headers })).json().user.profile
    expect((await app.inject({ url: pathOf(avatarUrl) })).statusCode).toBe(200)
  })
})

describe('a bad upload', () => {
  const damaged = async () => (await noise(200, 200).toBuffer()).subarray(0, 5_000)
  it.each([
    ['no file', async () => [['a', 'b']], 400, 'the form has no file'],
    ['an empty form', async () => [], 400, 'the form has no file'],
    ['two files', async () => [await jpeg(), await jpeg()], 400, 'the form must have one file'],
    ['0 bytes', async () => [Buffer.alloc(0)], 415, 'a picture must be JPEG, PNG, WebP or GIF'],
    ['a program', async () => [Buffer.from('MZ\x90\0')], 415, 'a picture must be JPEG, PNG, WebP or GIF'],
    ['a damaged picture', async () => [await damaged()], 400, 'the picture cannot be read: it is damaged or cut off'],
    ['6 MB', async () => [Buffer.alloc(6 << 20)], 413, 'a picture must not have more than 5 MB'],
    ['30 MB', async () => [Buffer.alloc(30 << 20)], 413, 'a picture must not have more than 5 MB'],
    [
      '2.5 billion pixels',
      async () => [bomb(50_000, 50_000)],
      413,
      'a picture must not have more than 50 million pixels',
    ],
  ] satisfies [string, () => Promise<Part[]>, number, string][])(
    'an upload is refused: %s',
    async (what, parts, status, detail) => {
      const { signIn, upload, names } = await startWithAvatars()
      const { headers } = await signIn()
      const answer = await upload(headers, ...(await parts()))
      expect(answer.json()).toMatchObject({ status, detail })
      // Only what is not read to its end leaves a connection on which no other request can follow.
      expect(answer.headers.connection).toBe(what === '30 MB' ? 'close' : 'keep-alive')
      expect(names()).toEqual([])
      expect((await upload(headers, await jpeg())).statusCode).toBe(200)
    },
  )

  it.each([
    ['JSON', { 'content-type': 'application/json' }, '{}'],
    ['a picture without a form', { 'content-type': 'image/jpeg' }, 'x'],
    ['nothing at all', {}, ''],
  ])('an upload is refused with what to send instead: %s', async (_what, type, payload) => {
    const { app, signIn } = await startWithAvatars()
    const { headers } = await signIn()
    const answer = await app.inject({ method: 'POST', url: '/v1/me/avatar', headers: { ...headers, ...type }, payload })
    expect(answer.json()).toMatchObject({ status: 415, detail: expect.stringContaining('wx.uploadFile') })
  })

  it('a form without a boundary is refused, and one that is cut off', async () => {
    const { app, signIn } = await startWithAvatars()
    const { headers } = await signIn()
    const post = (type: string, payload: Buffer) =>
      app.inject({ method: 'POST', url: '/v1/me/avatar', headers: { ...headers, 'content-type': type }, payload })
    expect((await post('multipart/form-data', Buffer.from('x'))).json()).toMatchObject({
      detail: 'the form has no boundary',
    })
    const { payload } = form({}, [await jpeg()])
    const cut = await post(`multipart/form-data; boundary=${BOUNDARY}`, payload.subarray(0, 300))
    expect(cut.json()).toMatchObject({ status: 400, detail: 'the form is damaged or cut off' })
  })
})

describe('over a real connection', () => {
  async function open(service: Awaited<ReturnType<typeof startWithAvatars>>) {
    await service.app.listen({ port: 0, host: '127.0.0.1' })
    const { headers } = await service.signIn()
    const { port } = service.app.server.address() as { port: number }
    return { headers, port }
  }

  const head = (authorization: string, length: number) =>
    `POST /v1/me/avatar HTTP/1.1\r\nhost: x\r\nauthorization: ${authorization}\r\ncontent-type: multipart/form-data; boundary=${BOUNDARY}\r\ncontent-length: ${length}\r\n\r\n`

  it('a phone that goes away in the middle of an upload leaves nothing behind', async () => {
    const service = await startWithAvatars()
    const { headers, port } = await open(service)
    const { payload } = form({}, [await jpeg()])
    const socket = connect(port, '127.0.0.1')
    socket.write(head(headers.authorization, payload.length))
    socket.write(payload.subarray(0, 400))
    await expect.poll(() => service.app.server.listening).toBe(true)
    socket.destroy()
    expect((await service.upload(headers, await jpeg())).statusCode).toBe(200)
    expect(service.names()).toHaveLength(1)
  })

  it('a slow upload holds nobody up', async () => {
    const service = await startWithAvatars()
    const { headers, port } = await open(service)
    const file = await jpeg()
    const { payload } = form({}, [file])
    const sockets = Array.from({ length: 10 }, () => {
      const socket = connect(port, '127.0.0.1')
      socket.write(head(headers.authorization, payload.length))
      socket.write(payload.subarray(0, 300))
      return socket
    })
    expect((await service.upload((await service.signIn('bob')).headers, file)).statusCode).toBe(200)
    const answers = sockets.map((socket) => once(socket, 'data'))
    for (const socket of sockets) socket.write(payload.subarray(300))
    for (const [answer] of await Promise.all(answers)) expect(String(answer)).toMatch(/^HTTP\/1\.1 200 /)
    for (const socket of sockets) socket.destroy()
  })

  it('a phone that sends without an end loses its connection, after the size of four pictures', async () => {
    const service = await startWithAvatars()
    const { headers, port } = await open(service)
    const socket = connect(port, '127.0.0.1')
    // The answer may be lost: it comes while the phone still sends.
    socket.on('error', () => {})
    socket.resume()
    socket.write(head(headers.authorization, 1e9))
    socket.write(form({}, [Buffer.alloc(1)]).payload.subarray(0, 150))
    const sending = setInterval(() => socket.write(Buffer.alloc(1 << 20)), 1)
    await new Promise((resolve) => socket.on('close', resolve))
    clearInterval(sending)
    expect(socket.bytesWritten).toBeGreaterThan(20 << 20)
    expect(socket.bytesWritten).toBeLessThan(100 << 20)
    expect(service.names()).toEqual([])
  })
})

describe('GET /avatars/:name', () => {
  it.each([
    'x.jpg',
    '..%2f..%2fusers.sqlite',
    `${'a'.repeat(24)}-${'b'.repeat(32)}.png`,
    `${'a'.repeat(24)}-${'b'.repeat(32)}.jpg`,
  ])('there is no picture under %s, and that answer is not cached', async (name) => {
    const { app, store } = await startWithAvatars()
    const asked: string[] = []
    store.find = async (name) => {
      asked.push(name)
      return null
    }
    const answer = await app.inject({ url: `/avatars/${name}` })
    expect(answer.json()).toMatchObject({ code: 'not_found', detail: 'there is no such picture' })
    expect(answer.headers['cache-control']).toBe('no-store')
    expect(asked).toEqual(/-b+\.jpg$/.test(name) ? [name] : [])
  })
})

describe('a service without avatars', () => {
  it('a service without avatars has neither route', async () => {
    const { app, signIn } = await startService()
    const { headers } = await signIn()
    const answer = await app.inject({ method: 'POST', url: '/v1/me/avatar', ...form(headers, [await jpeg()]) })
    expect(answer.statusCode).toBe(404)
    expect((await app.inject({ url: `/avatars/${newAvatarName('u')}` })).statusCode).toBe(404)
  })

  it('a service whose libraries for pictures are missing says at the start what to install', async () => {
    const { warnings, deps } = withoutStores()
    const find = () => {
      throw new Error("Cannot find module 'sharp'\nRequire stack:")
    }
    expect(await openAvatars(deps, { find })).toBeNull()
    expect(warnings).toEqual([
      "POST /v1/me/avatar is 404 because its libraries are missing: npm install sharp @fastify/busboy (Cannot find module 'sharp')",
    ])
  })

  it('a service whose library for pictures is for another machine says so once, at the first picture, and answers 404', async () => {
    const { warnings, deps } = withoutStores()
    const load = () =>
      Promise.reject(new Error('Could not load the "sharp" module using the linux-x64 runtime\nlong help'))
    const avatars = await openAvatars(deps, { load })
    const { app, signIn } = await startService({ host: (app) => void app.register(avatars?.upload ?? (() => {})) })
    const { headers } = await signIn()
    expect(warnings).toEqual([])
    for (const _ of [1, 2]) {
      const answer = await app.inject({ method: 'POST', url: '/v1/me/avatar', ...form(headers, [await jpeg()]) })
      expect(answer.json()).toMatchObject({ status: 404, code: 'not_found', detail: 'there are no pictures here' })
    }
    expect(warnings).toEqual([
      'POST /v1/me/avatar is 404 because its libraries are missing: npm install sharp @fastify/busboy (Could not load the "sharp" module using the linux-x64 runtime)',
    ])
  })
})

/** What {@link openAvatars} takes, of a service that gets no picture. */
function withoutStores() {
  const warnings: string[] = []
  const deps = {
    store: memoryStore(),
    pathPrefix: '',
    limit: false as const,
    warn: (line: string) => void warnings.push(line),
    users: {} as never,
    recentUsers: { forget() {} } as never,
  }
  return { warnings, deps }
}
