import { expect, test } from 'vitest'
import { launchSmallApp } from './small-app.ts'

test('a snapshot shows what a user sees, and leaves out what only lays it out', async () => {
  const app = await launchSmallApp({
    'pages/home/home.js':
      'Page({ data: { name: "Alice", items: ["tea", "cake"], off: true }, rename() { this.setData({ name: "Bob" }) } })',
    'pages/home/home.wxml': `
      <view><view><text class="hello big">Hello   {{name}}</text></view></view>
      <view wx:for="{{items}}" wx:key="*this" id="item-{{index}}">{{item}}</view>
      <input id="who" value="{{name}}" placeholder="Your name"/>
      <button id="send" disabled="{{off}}" bindtap="rename">Send</button>
      <it id="it"/>`,
    'pages/home/home.json': { usingComponents: { it: '/it/it' } },
    'it/it.js': 'Component({})',
    'it/it.wxml': '<image class="face" src="/face.png"/>',
    'it/it.json': { component: true },
  })
  const shown = app.snapshot()
  expect(shown).toBe(`<text .hello .big>
  "Hello Alice"
<view #item-0>
  "tea"
<view #item-1>
  "cake"
<input #who placeholder="Your name" value="Alice">
<button #send disabled=true>
  "Send"
<it #it>
  <image .face src="/face.png">`)
  ;(app.page().instance.rename as () => void).call(app.page().instance)
  await app.settled()
  expect(app.snapshot()).toBe(shown.replaceAll('Alice', 'Bob'))
})
