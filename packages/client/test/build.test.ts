import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { appendFileSync, cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { runInNewContext } from 'node:vm'
import { createClock, createDevice, createWorld, DEMO_APP, localLink } from '@weapp-auth/emulator'
import { describe, expect, onTestFinished, test } from 'vitest'
import { checkSyntaxAndGlobals } from '../build.mts'
import type * as client from '../src/index.ts'
import { createFakeService } from './fake-service.ts'

const PACKAGE = join(import.meta.dirname, '..')
const DIST = join(PACKAGE, 'miniprogram_dist')

/** What came after ES2015: none of it may be needed. */
const OLD_ENGINE = `
  delete Promise.prototype.finally; delete Promise.allSettled; delete Promise.any; delete Promise.withResolvers; delete Promise.try
  delete Object.entries; delete Object.values; delete Object.fromEntries; delete Object.getOwnPropertyDescriptors; delete Object.hasOwn
  for (const name of ['includes', 'flat', 'flatMap', 'at', 'findLast']) delete Array.prototype[name]
  for (const name of ['padStart', 'padEnd', 'matchAll', 'replaceAll', 'trimEnd', 'at']) delete String.prototype[name]
  delete globalThis.queueMicrotask; delete globalThis.structuredClone; delete globalThis.WebAssembly
`

function load(globals: object): typeof client {
  const module: { exports: unknown } = { exports: {} }
  const context = { module, exports: module.exports, ...globals }
  runInNewContext(OLD_ENGINE + readFileSync(join(DIST, 'index.js'), 'utf8'), context)
  return module.exports as typeof client
}

describe('the built file', () => {
  test('signs in and sends a request with nothing but an old engine and wx', async () => {
    const clock = createClock()
    const service = createFakeService()
    const device = createDevice({
      link: localLink(createWorld({ clock })),
      appid: DEMO_APP.appid,
      clock,
      async send({ url, method, header, body }) {
        const token = /^Bearer (.*)$/.exec(header.authorization ?? '')?.[1] ?? null
        const answer = service.route({
          method,
          path: new URL(url).pathname,
          token,
          body: typeof body === 'string' ? JSON.parse(body) : {},
        } as never)
        if (typeof answer === 'string') throw new Error(answer)
        return { statusCode: answer.status, header: {}, body: JSON.stringify(answer.data ?? null) }
      },
    })
    const { setTimeout, clearTimeout } = clock
    const context = { setTimeout, clearTimeout, wx: undefined as unknown }
    const { createAuth, AuthError, isAuthError } = load(context)
    const auth = createAuth({ baseUrl: 'https://api.example.com', wx: device.wx })
    expect(await auth.ensureLogin()).toMatchObject({ id: 's1' })
    service.revokeAll()
    expect((await auth.request({ url: '/products' })).data).toEqual({ ok: true })
    service.revokeAll('admin')
    const error: unknown = await auth.request({ url: '/products' }).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(AuthError)
    expect(error).toMatchObject({ name: 'AuthError', code: 'logged_out' })
    // Another copy of the package: another Error, the same name.
    expect(isAuthError(Object.assign(new Error('x'), { name: 'AuthError' }))).toBe(true)
  })

  test('looks wx up when it is called, not when it is loaded', async () => {
    const context: { wx?: unknown; setTimeout: unknown; clearTimeout: unknown } = { setTimeout, clearTimeout }
    const module: { exports: unknown } = { exports: {} }
    const globals = Object.assign(context, { module })
    runInNewContext(readFileSync(join(DIST, 'index.js'), 'utf8'), globals)
    const { createAuth } = module.exports as typeof client
    const auth = createAuth({ baseUrl: 'https://api.example.com', appid: 'wx1' })
    await expect(auth.request({ url: '/news', auth: 'none' })).rejects.toMatchObject({ code: 'unavailable' })
    globals.wx = {
      request: ({ success }: { success: (result: object) => void }) =>
        success({ statusCode: 204, data: '', header: {} }),
    }
    expect((await auth.request({ url: '/news', auth: 'none' })).statusCode).toBe(204)
  })

  test('exports what the sources export', async () => {
    const sources = await import('../src/index.ts')
    expect(Object.keys(load({})).sort()).toEqual(Object.keys(sources).sort())
  })

  test('has types beside it that need no other package', () => {
    const files = readdirSync(DIST, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.d.ts'))
    expect(files).toContain('index.d.ts')
    for (const file of files) {
      const imports = [...readFileSync(join(DIST, file), 'utf8').matchAll(/from '([^']+)'/g)].map((match) => match[1])
      for (const path of imports) expect(path).toMatch(/^\.\/[\w/-]+\.js$/)
    }
  })

  test('has no dependencies and one entry', () => {
    const manifest = JSON.parse(readFileSync(join(DIST, '..', 'package.json'), 'utf8'))
    expect(manifest.dependencies).toBeUndefined()
    expect(manifest).toMatchObject({ main: 'miniprogram_dist/index.js', miniprogram: 'miniprogram_dist' })
  })
})

describe('the check of the built file', () => {
  test.each([
    ['fetch(url)', 'fetch'],
    ['window.x = 1', 'window'],
    ['process.env.X', 'process'],
    ['new URL(x)', 'URL'],
    ['globalThis.wx', 'globalThis'],
    ['structuredClone(wx)', 'structuredClone'],
  ])('refuses %s', (source, name) => {
    expect(() => checkSyntaxAndGlobals(source)).toThrow(name)
  })

  test.each(['async () => 1', 'a?.b', 'x ** 2', '({ ...wx })', 'import "x"'])(
    'refuses %s, newer than ES2015',
    (source) => {
      expect(() => checkSyntaxAndGlobals(source)).toThrow(SyntaxError)
    },
  )
})

describe('the build', () => {
  /** Builds a copy of the package with `line` at the end of what is bundled. */
  async function buildWith(line: string): Promise<{ code: number; stderr: string }> {
    const folder = mkdtempSync(join(tmpdir(), 'weapp-auth-build-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const copy = join(folder, 'client')
    for (const name of ['build.mts', 'package.json', 'src'])
      cpSync(join(PACKAGE, name), join(copy, name), { recursive: true })
    for (const name of ['client/dist', 'client/node_modules', 'shared']) {
      symlinkSync(join(PACKAGE, '..', name), join(folder, name))
    }
    symlinkSync(join(PACKAGE, '../../node_modules'), join(folder, 'node_modules'))
    appendFileSync(join(copy, 'src/index.ts'), `\n${line}\n`)
    return promisify(execFile)(process.execPath, [join(copy, 'build.mts')]).then(
      ({ stderr }) => ({ code: 0, stderr }),
      ({ code, stderr }) => ({ code, stderr }),
    )
  }
  /** Takes about three quarters of itself when gzipped. */
  const noise = (bytes: number) => randomBytes(bytes).toString('base64')

  test.each([
    ['a global that WeChat may not have', "fetch('https://example.com')", /globals WeChat may not have: fetch/],
    ['more bytes than the limit', `wx.more = '${noise(9_000)}'`, /is \d+\.\d+ kB minified and gzipped \(limit/],
  ])('fails over %s', async (_, line, message) => {
    const { code, stderr } = await buildWith(line)
    expect(code).toBe(1)
    expect(stderr).toMatch(message)
  })

  test('succeeds otherwise', async () => {
    expect(await buildWith("wx.more = 'little'")).toMatchObject({ code: 0 })
  })
})
