import { describe, expect, test } from 'vitest'
import { errorsOf, launchSmallApp } from './small-app.ts'

/** What the page's `found` is after its script has run. */
async function found(files: Record<string, string | object>) {
  const app = await launchSmallApp(files)
  return { app, found: app.page().data.found, errors: errorsOf(app) }
}

const pageThatFinds = (expression: string, before = '') => `${before}
Page({ data: { found: ${expression} } })`

describe('the names that a browser would have', () => {
  test('names of a browser may be asked for by typeof and by &&, as libraries do to find their root', async () => {
    const root = `
      const root = typeof window !== 'undefined' ? 'window'
        : typeof self !== 'undefined' ? 'self'
        : (window && window.document) || (typeof global === 'object' && 'global')`
    expect(await found({ 'pages/home/home.js': pageThatFinds('root', root) })).toMatchObject({
      found: 'global',
      errors: [],
    })
  })

  test.each(['const window = 1', 'let location = 1', 'class Reporter {}', 'function print() {}', 'var self = 1'])(
    'a module may declare a name of a browser for itself: %s',
    async (declaration) => {
      expect((await found({ 'pages/home/home.js': pageThatFinds('1', declaration) })).errors).toEqual([])
    },
  )

  test('`global` is shared by all modules, and holds the globals', async () => {
    const { found: keeper } = await found({
      'app.js': 'global.modules = { a: 1 }; App({})',
      'pages/home/home.js': pageThatFinds('[global.modules.a, global.Promise === Promise, global === globalThis]'),
    })
    expect(keeper).toEqual([1, true, true])
  })
})

describe('ES modules', () => {
  test('import and export in every form, beside require', async () => {
    const { found: values, errors } = await found({
      'lib/all.js': `
        export const one = 1
        export default function two() { return 2 }
        export class Three { value = 3 }
        const four = 4
        export { four as renamed }
        export * from './more'
        export * as names from './more'`,
      'lib/more.js': 'export let five = 5; export const six = 6',
      'lib/common.js': 'module.exports = { seven: 7 }',
      'pages/home/home.js': `
        import two, { one, Three, renamed, five, names } from '../../lib/all'
        import * as all from '../../lib/all'
        import common from '../../lib/common'
        import { seven } from '../../lib/common'
        const { six } = require('../../lib/more.js')
        Page({ data: { found: [one, two(), new Three().value, renamed, five, six, names.six, all.one, common.seven, seven] } })`,
    })
    expect(errors).toEqual([])
    expect(values).toEqual([1, 2, 3, 4, 5, 6, 6, 1, 7, 7])
  })

  test('import() and require.async answer with a promise of the app', async () => {
    const app = await launchSmallApp({
      'lib/late.js': 'export const late = true',
      'pages/home/home.js': `
        Page({
          async onLoad() {
            const one = await import('../../lib/late')
            const pending = require.async('../../lib/late')
            const two = await pending
            const three = await new Promise((done) => require('../../lib/late', done))
            this.setData({ found: [one.late, two.late, three.late, pending instanceof Promise] })
          },
        })`,
    })
    await app.waitFor(() => app.page().data.found !== undefined)
    expect(app.page().data.found).toEqual([true, true, true, true])
  })

  test('the words in comments and texts make no module of a file', async () => {
    const source = `// import x from 'y'
      const text = "export default"
      Page({ data: { found: text, strict: (function () { return this === undefined })() } })`
    expect(await found({ 'pages/home/home.js': source })).toMatchObject({ found: 'export default', errors: [] })
  })

  test('an error in an ES module has the line of the source', async () => {
    const app = await launchSmallApp({
      'pages/home/home.js': "import '../../lib/fails'\nPage({})",
      'lib/fails.js': "export const a = 1\n\n\nthrow new Error('line four')",
    })
    expect(app.errors[0]?.stack).toMatch(/lib\/fails\.js:4:/)
  })

  test('a syntax error names the file', async () => {
    const { errors } = await found({ 'pages/home/home.js': 'import { from nowhere' })
    expect(errors[0]).toMatch(/^pages\/home\/home\.js: /)
  })
})

describe('strict mode', () => {
  const sloppy = { 'pages/home/home.js': 'undeclared = 1; Page({ data: { found: undeclared } })' }

  test('every file is in strict mode, as DevTools puts it there', async () => {
    expect((await found(sloppy)).errors).toEqual(['undeclared is not defined'])
  })

  test('no file is in strict mode when the project switches that off', async () => {
    const files = { ...sloppy, 'project.config.json': { setting: { es6: false } } }
    expect(await found(files)).toMatchObject({ found: 1, errors: [] })
  })
})

describe('components and modules', () => {
  test('a component whose file a page also requires is registered under its own path', async () => {
    const app = await launchSmallApp({
      'pages/home/home.json': { usingComponents: { star: '/components/star' } },
      'pages/home/home.js': "const { size } = require('../../components/star'); Page({ data: { size } })",
      'pages/home/home.wxml': '<star class="star"/><view class="size">{{size}}</view>',
      'components/star.js': 'Component({ data: { shape: "five points" } }); module.exports = { size: 5 }',
      'components/star.wxml': '<view class="shape">{{shape}}</view>',
    })
    expect(errorsOf(app)).toEqual([])
    expect(app.text('.size')).toBe('5')
    expect(app.text('.star >>> .shape')).toBe('five points')
  })

  test('requirePlugin and requirePlugin.async answer with nothing, and a warning says so', async () => {
    const app = await launchSmallApp({
      'pages/home/home.js': `
        const map = requirePlugin('map')
        Page({ data: { map }, async onLoad() { this.setData({ later: await requirePlugin.async('map') }) } })`,
    })
    await app.waitFor(() => app.page().data.later !== undefined)
    expect(app.page().data).toMatchObject({ map: {}, later: {} })
    expect(app.warnings).toEqual(['requirePlugin("map"): plugins cannot be run here, it exports nothing'])
    expect(errorsOf(app)).toEqual([])
  })

  test('the base library’s names for the running script are there, as the runtime of Taro reads them', async () => {
    expect((await found({ 'pages/home/home.js': pageThatFinds('__wxRoute') })).found).toBe('pages/home/home')
  })
})

describe('sub-packages', () => {
  const app = {
    'app.json': { pages: ['pages/home/home'], subPackages: [{ root: 'shop', pages: ['pages/cart/cart'] }] },
    'app.js': 'App({ ran: [] })',
    'pages/home/home.js': "getApp().ran.push('home'); Page({ ran: () => getApp().ran, wx: () => wx })",
    'shop/pages/cart/cart.js': "getApp().ran.push('cart'); Page({ ran: () => getApp().ran })",
    'shop/pages/cart/cart.wxml': '<view/>',
    'pages/other/other.js': "getApp().ran.push('other'); Page({})",
    'pages/other/other.wxml': '<view/>',
  }
  const ran = (running: Awaited<ReturnType<typeof launchSmallApp>>) => (running.page().instance.ran as () => string[])()

  test('scripts of a sub-package run when one of its pages is opened', async () => {
    const running = await launchSmallApp(app)
    expect([...ran(running)]).toEqual(['home'])
    const { wx } = running.page().instance as unknown as { wx(): { navigateTo(to: object): Promise<unknown> } }
    await wx().navigateTo({ url: '/shop/pages/cart/cart' })
    expect([...ran(running)]).toEqual(['home', 'cart'])
  })

  test('of a lazy app only the scripts run that the open page needs', async () => {
    const pages = ['pages/home/home', 'pages/other/other']
    const eager = await launchSmallApp({ ...app, 'app.json': { pages } })
    expect([...ran(eager)].sort()).toEqual(['home', 'other'])
    const lazy = await launchSmallApp({ ...app, 'app.json': { pages, lazyCodeLoading: 'requiredComponents' } })
    expect([...ran(lazy)]).toEqual(['home'])
  })
})
