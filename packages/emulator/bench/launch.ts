// `node --expose-gc packages/emulator/bench/launch.ts`: how long a large program takes to launch, and what a hundred
// launches leave in memory. The program is made up: 200 pages, each with a component of its own, a WXS module and a template.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { launchApp } from '../src/host/launch-app.ts'
import { createWorld, DEMO_APP } from '../src/world.ts'
import { createDevice } from '../src/wx/device.ts'
import { localLink } from '../src/wx/link.ts'

const PAGES = 200
const LAUNCHES = 100

const folder = mkdtempSync(join(tmpdir(), 'weapp-launch-'))
try {
  writeProgram()
  await launch()
  const times: number[] = []
  for (let i = 0; i < 5; i++) times.push(await launch())
  console.log(`${PAGES} pages and components: launched in ${median(times).toFixed(0)} ms (median of 5, warm)`)

  const before = heapMegabytes()
  for (let i = 0; i < LAUNCHES; i++) await launch()
  const after = heapMegabytes()
  console.log(`heap before ${before.toFixed(1)} MB, after ${LAUNCHES} launches ${after.toFixed(1)} MB`)
} finally {
  rmSync(folder, { recursive: true })
}

async function launch(): Promise<number> {
  const device = createDevice({ link: localLink(createWorld()), appid: DEMO_APP.appid })
  const silent = { log() {}, info() {}, warn() {}, error() {}, debug() {} }
  const startedMs = performance.now()
  const app = await launchApp({ folder, device, console: silent })
  const tookMs = performance.now() - startedMs
  if (app.errors.length > 0) throw new Error(app.errors[0]?.message)
  await app.close()
  return tookMs
}

function writeProgram(): void {
  const pages = Array.from({ length: PAGES }, (_, index) => `pages/p${index}/index`)
  write('app.json', JSON.stringify({ pages }))
  write('app.js', 'App({ globalData: {} })')
  write('templates/row.wxml', '<template name="row"><view class="row">{{name}}</view></template>')
  write('lib/format.wxs', 'module.exports = { price: function (cents) { return (cents / 100).toFixed(2) } }')
  for (const [index, page] of pages.entries()) {
    write(
      `${page}.js`,
      `Page({ data: { items: [{ name: 'a', cents: ${index} }] }, onLoad() { this.setData({ ready: true }) } })`,
    )
    write(`${page}.json`, JSON.stringify({ usingComponents: { card: `/components/c${index}/index` } }))
    write(
      `${page}.wxml`,
      `<import src="/templates/row.wxml"/><wxs src="/lib/format.wxs" module="f"/>
       <view wx:if="{{ready}}"><card wx:for="{{items}}" wx:key="name" title="{{item.name}}">{{f.price(item.cents)}}</card>
       <template is="row" data="{{ name: 'row' }}"/></view>`,
    )
    write(`components/c${index}/index.js`, 'Component({ properties: { title: String } })')
    write(`components/c${index}/index.json`, '{ "component": true }')
    write(`components/c${index}/index.wxml`, '<view class="card"><text>{{title}}</text><slot/></view>')
  }
}

function write(path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), text)
}

function heapMegabytes(): number {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed / 2 ** 20
}

function median(values: number[]): number {
  return values.sort((one, other) => one - other)[Math.floor(values.length / 2)] ?? Number.NaN
}
