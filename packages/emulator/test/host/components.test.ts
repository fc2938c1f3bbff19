import { describe, expect, test } from 'vitest'
import type { RunningApp } from '../../src/host/running-app.ts'
import { errorsOf, launchSmallApp, type SmallApp } from './small-app.ts'

/** The first page shows `wxml` with the given component as `<it>`. */
function withComponent(wxml: string, component: { js: string; wxml?: string; json?: object }, more: SmallApp = {}) {
  return launchSmallApp({
    'pages/home/home.wxml': wxml,
    'pages/home/home.json': { usingComponents: { it: '/it/it' } },
    'it/it.js': component.js,
    'it/it.wxml': component.wxml ?? '<view class="inner">inner</view>',
    'it/it.json': { component: true, ...component.json },
    ...more,
  })
}

const call = (app: RunningApp, method: string, ...args: unknown[]) =>
  (app.page().instance[method] as (...args: unknown[]) => unknown).apply(app.page().instance, args)

describe('properties', () => {
  test.each([
    'dataset',
    'childNodes',
    'parentNode',
    'classList',
    'tagName',
    'shadowRoot',
    'attributes',
    'is',
    'id',
    'slot',
    'style',
    'class',
    'hidden',
    'constructor',
    'properties',
    'data',
  ])('a property may be called "%s"', async (name) => {
    const app = await withComponent(`<it class="it" ${name}="given"/><view class="after">after</view>`, {
      js: `Component({ properties: { ${name}: { type: String, value: 'default' } } })`,
      wxml: `<view class="inner">{{${name}}}</view>`,
    })
    expect(errorsOf(app)).toEqual([])
    expect(app.text('.after')).toBe('after')
    if (!/^(id|slot|style|class|hidden|is)$/.test(name)) expect(app.text('.it >>> .inner')).toBe('given')
  })

  test('a `type` that is an array is the first of them and a warning', async () => {
    const app = await withComponent('<it class="it" size="{{7}}"/>', {
      js: 'Component({ properties: { size: { type: [Number, String], value: 1 } } })',
      wxml: '<view class="inner">{{size + 1}}</view>',
    })
    expect(app.text('.it >>> .inner')).toBe('8')
    expect(errorsOf(app)).toEqual([])
    expect(app.warnings).toEqual([
      'it/it.js: Component({ properties: { size: { type: … } } }) is an array: one type, the others are optionalTypes',
    ])
  })

  test.each([
    ['an observer that is no function', 'properties: { a: { type: String, observer: 5 } }', /observer.* is a number/],
    ['an observer whose method is missing', "properties: { a: { type: String, observer: 'gone' } }", /"gone"/],
    ['an entry of observers that is no function', 'observers: { a: null }', /observers: { a.* is null/],
    ['a lifetime that is no function', 'lifetimes: { attached: 1 }', /lifetimes: { attached.* is a number/],
    ['a behavior that does not exist', "behaviors: ['wx://nothing']", /behaviors.* is "wx:\/\/nothing"/],
    ['externalClasses that are no list', 'externalClasses: {}', /externalClasses.* is an object/],
    ['a behavior that is undefined', 'behaviors: [undefined]', /behaviors.* is an undefined/],
  ])('%s is a warning that names the file', async (_name, definition, warning) => {
    const app = await withComponent('<it class="it"/>', { js: `Component({ ${definition} })` })
    expect(app.text('.it >>> .inner')).toBe('inner')
    expect(errorsOf(app)).toEqual([])
    expect(app.warnings).toEqual([expect.stringMatching(warning)])
    expect(app.warnings[0]).toContain('it/it')
  })
})

describe('generics', () => {
  const generic = {
    js: 'Component({ properties: { items: Array } })',
    wxml: '<view class="inner"><row wx:for="{{items}}" wx:key="*this" value="{{item}}"/></view>',
  }
  const rows = {
    'rows/plain.js': 'Component({ properties: { value: String } })',
    'rows/plain.wxml': '[{{value}}]',
    'rows/fancy.js': 'Component({ properties: { value: String } })',
    'rows/fancy.wxml': '<{{value}}>',
  }

  test('the user of a component gives its generics', async () => {
    const app = await withComponent(
      '<it class="it" generic:row="fancy" items="{{list}}"/>',
      { ...generic, json: { componentGenerics: { row: true } } },
      {
        ...rows,
        'rows/fancy.wxml': '({{value}})',
        'pages/home/home.js': "Page({ data: { list: ['a', 'b'] } })",
        'pages/home/home.json': { usingComponents: { it: '/it/it', fancy: '/rows/fancy' } },
      },
    )
    expect(app.text('.it >>> .inner')).toBe('(a)(b)')
  })

  test('`default` stands in for a generic that the user of the component does not give', async () => {
    const app = await withComponent(
      '<it class="it" items="{{list}}"/>',
      { ...generic, json: { componentGenerics: { row: { default: '../rows/plain' } } } },
      { ...rows, 'pages/home/home.js': "Page({ data: { list: ['a', 'b'] } })" },
    )
    expect(errorsOf(app)).toEqual([])
    expect(app.text('.it >>> .inner')).toBe('[a][b]')
  })
})

describe('slots', () => {
  test('a slot with fallback content shows what it is given, and stops nothing', async () => {
    const app = await withComponent('<it class="it">given</it>', {
      js: 'Component({})',
      wxml: '<view class="inner"><slot><view>fallback</view></slot></view><view class="after">after</view>',
    })
    expect(app.text('.it')).toContain('given')
    expect(app.text('.it >>> .after')).toBe('after')
    expect(errorsOf(app)).toEqual([])
  })

  test('several slots of one component are told apart by their names', async () => {
    const app = await withComponent('<it class="it"><view slot="b">B</view><view slot="a">A</view></it>', {
      js: 'Component({ options: { multipleSlots: true } })',
      wxml: '<view class="inner"><slot name="a"/>-<slot name="b"/></view>',
    })
    expect(app.html()).toMatch(/A.*-.*B/)
  })
})

describe('the built-in behaviors', () => {
  test.each([
    'wx://form-field',
    'wx://form-field-group',
    'wx://form-field-button',
    'wx://component-export',
    'wx://proxy-scroll-view',
  ])('%s can be used', async (behavior) => {
    const app = await withComponent('<it class="it"/>', { js: `Component({ behaviors: ['${behavior}'] })` })
    expect(app.text('.it >>> .inner')).toBe('inner')
    expect([errorsOf(app), app.warnings]).toEqual([[], []])
  })

  test('wx://component-export decides what selectComponent answers', async () => {
    const app = await withComponent(
      '<it id="it"/>',
      { js: "Component({ behaviors: ['wx://component-export'], export() { return { open: 'yes' } } })" },
      { 'pages/home/home.js': "Page({ pick() { return this.selectComponent('#it') } })" },
    )
    expect(call(app, 'pick')).toEqual({ open: 'yes' })
  })
})

describe('a form and the components in it', () => {
  test.each<[string, object]>([
    [
      'a form sees what the components in it let it see',
      { fields: 'in', button: 'in', submitted: { own: 'a', inner: 'b' } },
    ],
    [
      'a form sees no field in a component without wx://form-field-group',
      { fields: '', button: 'in', submitted: { own: 'a' } },
    ],
    [
      'a form sees no button in a component without wx://form-field-button',
      { fields: 'in', button: '', submitted: undefined },
    ],
  ])('%s', async (_what, { fields, button, submitted }: { fields?: string; button?: string; submitted?: object }) => {
    const behaviors = (name: string, has?: string) => `Component({ behaviors: [${has ? `'wx://${name}'` : ''}] })`
    const app = await launchSmallApp({
      'pages/home/home.js': 'Page({ onSubmit({ detail }) { this.setData({ submitted: detail.value }) } })',
      'pages/home/home.json': { usingComponents: { fields: '/fields', go: '/go', frame: '/frame' } },
      'pages/home/home.wxml': `<form bindsubmit="onSubmit">
        <frame><input name="own" value="a"/></frame><fields/><go class="go"/>
      </form>`,
      // An element in a slot belongs to the page that put it there, not to the component with the slot.
      'frame.js': 'Component({})',
      'frame.wxml': '<view><slot/></view>',
      'fields.js': behaviors('form-field-group', fields),
      'fields.wxml': '<view><input name="inner" value="b"/></view>',
      'go.js': behaviors('form-field-button', button),
      'go.wxml': '<button class="button" form-type="submit">go</button>',
    })
    await app.tap('.go >>> .button')
    expect(errorsOf(app)).toEqual([])
    expect(app.page().data.submitted).toEqual(submitted)
  })
})

describe('components and each other', () => {
  test('selectComponent, selectAllComponents and selectOwnerComponent', async () => {
    const app = await withComponent(
      '<it class="it"/><it class="it"/>',
      { js: 'Component({ data: { name: "it" }, methods: { owner() { return this.selectOwnerComponent() } } })' },
      {
        'pages/home/home.js': `Page({
          pick() {
            const one = this.selectComponent('.it')
            return [one.data.name, this.selectAllComponents('.it').length, one.owner() === this, this.selectComponent('.none')]
          },
        })`,
      },
    )
    expect(call(app, 'pick')).toEqual(['it', 2, true, null])
  })

  test('relations link parents and children by path', async () => {
    const app = await launchSmallApp({
      'pages/home/home.json': { usingComponents: { list: '/kit/list', item: '/kit/item' } },
      'pages/home/home.wxml': '<list class="list"><item/><item/></list>',
      'kit/list.js': `Component({
        relations: { './item': { type: 'child', linked() { this.setData({ count: this.getRelationNodes('./item').length }) } } },
        data: { count: 0 },
      })`,
      'kit/list.wxml': '<view class="count">{{count}}</view><slot/>',
      'kit/item.js': "Component({ relations: { './list': { type: 'parent' } } })",
      'kit/item.wxml': '<view/>',
    })
    expect(errorsOf(app)).toEqual([])
    expect(app.text('.list >>> .count')).toBe('2')
  })

  test('triggerEvent reaches the page with its detail', async () => {
    const app = await withComponent(
      '<it class="it" bind:pick="onPick"/>',
      {
        js: "Component({ methods: { pick() { this.triggerEvent('pick', { id: 5 }) } } })",
        wxml: '<button class="inner" bindtap="pick"/>',
      },
      { 'pages/home/home.js': 'Page({ onPick({ detail }) { this.setData({ picked: detail.id }) } })' },
    )
    await app.tap('.it >>> .inner')
    expect(app.page().data.picked).toBe(5)
  })

  const late = {
    'app.json': { pages: ['pages/home/home'], subPackages: [{ root: 'more', pages: ['late/late'] }] },
    'app.js': 'App({ told: [] })',
    'pages/home/home.js': "Page({ onLoad() { getApp().told.push('page') }, told: () => getApp().told })",
    'pages/home/home.json': {
      usingComponents: { late: '/more/late/part', waiting: '/waiting' },
      componentPlaceholder: { late: 'waiting' },
    },
    'pages/home/home.wxml': '<late class="late" name="{{1 + 1}}"/>',
    'waiting.js': "Component({ attached() { getApp().told.push('placeholder') } })",
    'waiting.wxml': '<view class="waiting">…</view>',
    'more/late/late.js': "getApp().told.push('sub-package'); Page({})",
    'more/late/late.wxml': '<view/>',
    'more/late/part.js': "Component({ properties: { name: Number }, attached() { getApp().told.push('component') } })",
    'more/late/part.wxml': '<view class="part">part {{name}}</view>',
  }

  test.each<[string, SmallApp, string[]]>([
    ['in another sub-package', {}, ['placeholder', 'page', 'sub-package', 'component']],
    [
      'of a lazy app',
      { 'app.json': { pages: ['pages/home/home'], lazyCodeLoading: 'requiredComponents' } },
      ['placeholder', 'page', 'component'],
    ],
    [
      'of an app that is not lazy, in its own package',
      { 'app.json': { pages: ['pages/home/home'] } },
      ['component', 'page'],
    ],
  ])('componentPlaceholder is shown until the script of a component has run: %s', async (_where, more, told) => {
    const app = await launchSmallApp({ ...late, ...more })
    await app.settled()
    expect(errorsOf(app)).toEqual([])
    expect([...(call(app, 'told') as string[])]).toEqual(told)
    expect(app.text('.late >>> .part')).toBe('part 2')
    expect(app.html()).not.toContain('…')
  })
})

describe('what shows in the tree', () => {
  test('an external class of the component gets the classes that its user names', async () => {
    const app = await withComponent('<it class="it" my-class="red"/>', {
      js: "Component({ externalClasses: ['my-class'] })",
      wxml: '<view class="inner my-class">inner</view>',
    })
    expect(app.html()).toMatch(/class="[^"]*\bred\b[^"]*">inner/)
  })

  test('a virtual host has no element of its own', async () => {
    const app = await withComponent('<view class="around"><it/></view>', {
      js: 'Component({ options: { virtualHost: true } })',
    })
    expect(app.html()).not.toContain('<it')
    expect(app.text('.around')).toBe('inner')
  })

  test('class names of a component are its own unless it shares them', async () => {
    const isolated = await withComponent('<it/>', { js: 'Component({})' })
    expect(isolated.html()).toContain('class="it_it--inner"')
    const shared = await withComponent('<it/>', { js: 'Component({})', json: { styleIsolation: 'shared' } })
    expect(shared.html()).toContain('class="inner"')
    const byOption = await withComponent('<it/>', { js: "Component({ options: { styleIsolation: 'shared' } })" })
    expect(byOption.html()).toContain('class="inner"')
  })
})

describe('a custom tab bar', () => {
  const tabs = {
    'app.json': {
      pages: ['pages/home/home', 'pages/mine/mine'],
      tabBar: { custom: true, list: [{ pagePath: 'pages/home/home' }, { pagePath: 'pages/mine/mine' }] },
    },
    'custom-tab-bar/index.js': 'Component({ data: { selected: -1 } })',
    'custom-tab-bar/index.wxml': '<view class="tab">{{selected}}</view>',
    'custom-tab-bar/index.json': { component: true },
    'pages/mine/mine.wxml': '<view/>',
  }
  const page = (index: number) => `Page({
    onShow() { this.getTabBar().setData({ selected: ${index} }) },
    tabBar() { return this.getTabBar() }, wx: () => wx,
  })`

  test('each tab page has a custom tab bar of its own, and getTabBar answers with that of the page', async () => {
    const app = await launchSmallApp({ ...tabs, 'pages/home/home.js': page(0), 'pages/mine/mine.js': page(1) })
    expect(errorsOf(app)).toEqual([])
    const first = call(app, 'tabBar') as { data: { selected: number } }
    await (call(app, 'wx') as { switchTab(to: object): Promise<unknown> }).switchTab({ url: '/pages/mine/mine' })
    const second = call(app, 'tabBar') as { data: { selected: number } }
    expect([first.data.selected, second.data.selected]).toEqual([0, 1])
  })
})

describe('renderer', () => {
  test('components that ask for their renderer are told: webview', async () => {
    const app = await withComponent('<it class="it"/>', {
      js: 'Component({ attached() { this.setData({ renderer: this.renderer }) } })',
      wxml: '<view class="inner">{{renderer}}</view>',
    })
    expect(app.text('.it >>> .inner')).toBe('webview')
  })
})

describe('getCurrentPages', () => {
  test('getCurrentPages names the page in the `attached` of its own components', async () => {
    const app = await withComponent(
      '<it/>',
      {
        js: `Component({ attached() { getApp().route = getCurrentPages().map((page) => page.route).join() } })`,
      },
      { 'pages/home/home.js': 'Page({ route_: () => getApp().route })' },
    )
    expect(call(app, 'route_')).toBe('pages/home/home')
  })
})

test('a button that its handler takes off the page is tapped like any other', async () => {
  const app = await launchSmallApp({
    'pages/home/home.js': 'Page({ data: { isThere: true }, go() { this.setData({ isThere: false }) } })',
    'pages/home/home.wxml': '<button wx:if="{{isThere}}" id="b" bindtap="go"/><view wx:else id="done"/>',
  })
  await app.tap('#b')
  expect(app.exists('#done')).toBe(true)
})
