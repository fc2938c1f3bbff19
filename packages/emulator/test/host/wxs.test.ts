import { describe, expect, test } from 'vitest'
import { createClock } from '../../src/clock.ts'
import { launchApp } from '../../src/host/launch-app.ts'
import { createManualPhone } from '../manual-phone.ts'
import { errorsOf, launchSmallApp, writeApp } from './small-app.ts'

/** What the page shows of `wxml`, with the WXS file `m.wxs` as module `m`. */
async function shown(wxs: string, wxml: string, data: object = {}) {
  const app = await launchSmallApp({
    'pages/home/m.wxs': wxs,
    'pages/home/home.wxml': `<wxs src="./m.wxs" module="m"/><view class="it">${wxml}</view>`,
    'pages/home/home.js': `Page({ data: ${JSON.stringify(data)} })`,
  })
  return { text: app.text('.it'), app, errors: errorsOf(app) }
}

describe('the language', () => {
  test('reserved words may be names of what a module exports', async () => {
    const wxs = `module.exports = { default: 'a', class: 'b', new: function () { return 'c' }, delete: 'd' }`
    expect(await shown(wxs, '{{m.default}}{{m.class}}{{m.new()}}{{m.delete}}')).toMatchObject({
      text: 'abcd',
      errors: [],
    })
  })

  test('words that only JavaScript reserves may be names of variables', async () => {
    const wxs = `// a class of its own
      var class = 'class'
      function try(new) { return class + ' ' + new }
      module.exports = { try: try }`
    expect(await shown(wxs, "{{m.try('new')}}")).toMatchObject({ text: 'class new', errors: [] })
  })

  test('a module may be called by a reserved word', async () => {
    const app = await launchSmallApp({
      'pages/home/home.wxml': `<wxs module="default">module.exports = { a: 1 }</wxs><view class="it">{{default.a}}</view>`,
    })
    expect(errorsOf(app)).toEqual([])
  })

  test('getDate, getRegExp, JSON and the constants of numbers', async () => {
    const wxs = `module.exports = {
      year: getDate(0).getFullYear(), match: getRegExp('A', 'i').test('a'), json: JSON.stringify({ a: 1 }),
      type: [].constructor, round: Math.round(1.5), max: Number.MAX_VALUE > 1,
    }`
    expect((await shown(wxs, '{{m.year}} {{m.match}} {{m.json}} {{m.type}} {{m.round}} {{m.max}}')).text).toBe(
      '1970 true {"a":1} Array 2 true',
    )
  })

  test('modules require each other', async () => {
    const app = await launchSmallApp({
      'pages/home/home.wxml': '<wxs src="../../lib/a.wxs" module="a"/><view class="it">{{a.sum}}</view>',
      'lib/a.wxs': "var b = require('./b.wxs'); module.exports = { sum: b.one + 1 }",
      'lib/b.wxs': 'module.exports.one = 1',
    })
    expect(app.text('.it')).toBe('2')
  })
})

describe('errors', () => {
  test('the error of a WXS file that cannot be read names the file, and the page is shown without it', async () => {
    const { app, errors } = await shown('module.exports = { a: function ( }', '{{m.a}}still here')
    expect(errors).toEqual([expect.stringMatching(/^pages\/home\/m\.wxs: /)])
    expect(app.text('.it')).toBe('still here')
  })

  test('the error of a WXS file that throws names the file', async () => {
    const { errors } = await shown('var a = undefined.b', '{{m.a}}')
    expect(errors).toEqual([expect.stringMatching(/^pages\/home\/m\.wxs: /)])
  })
})

describe('handlers in WXS', () => {
  const wxs = `module.exports = {
    tap: function (event, owner) {
      var it = owner.selectComponent('.it')
      var state = it.getState()
      state.count = (state.count || 0) + 1
      it.setStyle({ 'font-size': state.count + 'px' })
      it.addClass('touched')
      it.removeClass('fresh')
      owner.callMethod('onTouched', {
        count: state.count, has: it.hasClass('touched'), hasNot: it.hasClass('fresh'),
        data: it.getDataset().id, all: owner.selectAllComponents('.it').length,
        instance: event.instance.hasClass('button'), none: owner.selectComponent('.none') === null,
      })
      it.triggerEvent('custom', { from: 'wxs' })
      return false
    },
  }`

  test('handlers in WXS get the element and its owner, keep a state, change styles and classes, call the page', async () => {
    const app = await launchSmallApp({
      'pages/home/m.wxs': wxs,
      'pages/home/home.wxml': `<wxs src="./m.wxs" module="m"/>
        <view class="outer" bindtap="outer"><button class="button" bindtap="{{m.tap}}">go</button></view>
        <view class="it fresh" data-id="7" bindcustom="onCustom">text</view>`,
      'pages/home/home.js': `Page({
        onTouched(told) { this.setData({ told }) },
        onCustom({ detail }) { this.setData({ custom: detail.from }) },
        outer() { this.setData({ bubbled: true }) },
      })`,
    })
    await app.tap('.button')
    await app.tap('.button')
    expect(errorsOf(app)).toEqual([])
    expect(app.page().data).toMatchObject({
      told: { count: 2, has: true, hasNot: false, data: '7', all: 1, instance: true, none: true },
      custom: 'wxs',
    })
    // A handler that returns false stops the event, and prevents what WeChat would do.
    expect(app.page().data.bubbled).toBeUndefined()
    expect(app.html()).toMatch(/class="[^"]*touched[^"]*"/)
    expect(app.html()).toContain('font-size')
  })

  test('timers of a descriptor follow the clock of the phone, and can be cleared', async () => {
    const clock = createClock({ running: false })
    const { device } = createManualPhone({ clock })
    const folder = writeApp({
      'pages/home/m.wxs': `module.exports = {
        tap: function (event, owner) {
          owner.setTimeout(function () { owner.callMethod('tell', 'late') }, 300)
          owner.clearTimeout(owner.setTimeout(function () { owner.callMethod('tell', 'cleared') }, 100))
          owner.requestAnimationFrame(function () { owner.callMethod('tell', 'frame') })
        },
      }`,
      'pages/home/home.wxml': '<wxs src="./m.wxs" module="m"/><button id="b" bindtap="{{m.tap}}"/>',
      'pages/home/home.js': 'Page({ data: { told: [] }, tell(what) { this.data.told.push(what) } })',
    })
    const app = await launchApp({ folder, device })
    await app.tap('#b')
    clock.advance(299)
    await app.settled()
    expect(app.page().data.told).toEqual(['frame'])
    clock.advance(1)
    await app.settled()
    expect(app.page().data.told).toEqual(['frame', 'late'])
    await app.close()
  })

  test('a change of a property calls the function that change: names', async () => {
    const app = await launchSmallApp({
      'pages/home/m.wxs': `module.exports = {
        changed: function (value, old, owner, it) { owner.callMethod('seen', { value: value, old: old, own: it.hasClass('it') }) },
      }`,
      'pages/home/home.wxml':
        '<wxs src="./m.wxs" module="m"/><view class="it" size="{{size}}" change:size="{{m.changed}}"/>',
      'pages/home/home.js': `Page({ data: { size: 1, told: [] }, seen(it) { this.data.told.push(it) }, grow() { this.setData({ size: 2 }) } })`,
    })
    ;(app.page().instance.grow as () => void).call(app.page().instance)
    await app.settled()
    expect(errorsOf(app)).toEqual([])
    expect((app.page().data.told as object[]).at(-1)).toEqual({ value: 2, old: 1, own: true })
  })
})
