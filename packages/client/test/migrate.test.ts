import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createPhone } from './phone.ts'
import { flush } from './watch.ts'

// What `docs/migrate.md` shows: code as tutorials have it, and the same after the move.
const FOLDER = join(import.meta.dirname, 'migrate')

/** The longest common subsequence of two texts, in lines: what a diff leaves as it is. */
function unchangedLines(a: readonly string[], b: readonly string[]): number {
  let row = new Array<number>(b.length + 1).fill(0)
  for (const line of a) {
    const next = [0]
    b.forEach((other, n) => {
      next.push(line === other ? (row[n] ?? 0) + 1 : Math.max(row[n + 1] ?? 0, next[n] ?? 0))
    })
    row = next
  }
  return row[b.length] ?? 0
}

function source(name: string): string {
  return readFileSync(join(FOLDER, `${name}.mjs`), 'utf8')
}

/** A phone whose backend has the tutorials' own routes as well, on the same sessions. */
function createPhoneWithBackend() {
  const phone = createPhone()
  const { service } = phone
  const { route } = service
  service.route = (call) => {
    if (call.path === '/login') {
      const { token, user } = service.issue()
      return { status: 200, data: { token, user } }
    }
    if (call.path.startsWith('/wx/session')) return { status: 200, data: { sessionid: service.issue().token } }
    if (call.path === '/products') return service.answerFor(call.token ?? call.header.sessionid ?? null)
    return route(call)
  }
  vi.stubGlobal('wx', phone.device.wx)
  vi.resetModules()
  return phone
}

async function load<Module>(name: string): Promise<Module> {
  return (await import(/* @vite-ignore */ `./migrate/${name}.mjs`)) as Module
}

describe.each(['token', 'session-id', 'template'])('the move of %s', (name) => {
  test('changes at most 20 lines', () => {
    const [before, after] = [`${name}-before`, `${name}-after`].map((file) => source(file).split('\n'))
    const same = unchangedLines(before ?? [], after ?? [])
    expect((before?.length ?? 0) + (after?.length ?? 0) - 2 * same).toBeLessThanOrEqual(20)
  })

  test.each(['docs/migrate.md', 'docs/migrate.zh-CN.md'])('is what %s shows', (file) => {
    const text = readFileSync(join(FOLDER, '../..', file), 'utf8')
    for (const step of ['before', 'after']) expect(text).toContain(`\`\`\`js\n${source(`${name}-${step}`)}\`\`\``)
  })
})

describe('the code of the tutorials and after the move', () => {
  afterEach(() => vi.unstubAllGlobals())

  test.each(['token-before', 'token-after'])('%s signs in and gets what it asked for', async (name) => {
    const { count } = createPhoneWithBackend()
    const { login, get } = await load<{ login(): Promise<unknown>; get(path: string): Promise<unknown> }>(name)
    await login()
    expect(await get('/products')).toEqual({ ok: true })
    expect(count('wx.login')).toBe(1)
  })

  test.each(['session-id-before', 'session-id-after'])('%s signs in and gets what it asked for', async (name) => {
    const { count, service } = createPhoneWithBackend()
    const { call } = await load<{ call(path: string, callback: (data: unknown) => void): void }>(name)
    const data = await new Promise((resolve) => call('/products', resolve))
    await flush()
    expect(data).toEqual({ ok: true })
    expect(service.calls.at(-1)?.header.sessionid).toBe('wxs1.000.token-1')
    expect(count('wx.login')).toBe(1)
  })

  test('five requests at once: five logins before, one after', async () => {
    for (const [name, logins] of [
      ['session-id-before', 5],
      ['session-id-after', 1],
    ] as const) {
      const { count } = createPhoneWithBackend()
      const { call } = await load<{ call(path: string, callback: (data: unknown) => void): void }>(name)
      await Promise.all(Array.from({ length: 5 }, () => new Promise((resolve) => call('/products', resolve))))
      expect(count('wx.login')).toBe(logins)
      vi.unstubAllGlobals()
    }
  })

  test.each([
    ['template-before', 1],
    ['template-after', 2],
  ])('%s: of two pages that load during the login, %i get to know the user', async (name, informed) => {
    const { count } = createPhoneWithBackend()
    const { app, openPage } = runTemplate()
    await load(name)
    app().onLaunch()
    const pages = [openPage(), openPage()]
    await flush()
    expect(pages.filter(({ data }) => data.user !== null)).toHaveLength(informed)
    expect(count('wx.login')).toBe(1)

    // What loads later knows at once.
    const later = openPage()
    await flush()
    expect(later.data.user).toMatchObject({ id: expect.any(String) })
  })
})

interface AppOfTemplate {
  onLaunch(): void
}
interface PageOfTemplate {
  data: { user: unknown }
  onLoad(): unknown
}

/** The globals of a mini-program, as far as WeChat's template uses them. */
function runTemplate() {
  let app: AppOfTemplate | undefined
  let page: PageOfTemplate | undefined
  vi.stubGlobal('App', (options: AppOfTemplate) => {
    app = options
  })
  vi.stubGlobal('getApp', () => app)
  vi.stubGlobal('Page', (options: PageOfTemplate) => {
    page = options
  })
  return {
    app(): AppOfTemplate {
      if (!app) throw new Error('App() was not called')
      return app
    },
    openPage() {
      const opened = { ...page, data: { user: null as unknown }, setData }
      opened.onLoad?.()
      return opened
    },
  }

  function setData(this: PageOfTemplate, changes: PageOfTemplate['data']): void {
    Object.assign(this.data, changes)
  }
}
