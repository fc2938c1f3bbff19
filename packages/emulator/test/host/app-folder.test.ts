import { describe, expect, test } from 'vitest'
import { openAppFolder } from '../../src/host/app-folder.ts'
import { errorsOf, launchSmallApp, writeApp } from './small-app.ts'

const withPlugins = (...useCompilerPlugins: string[]) => ({
  'project.config.json': { setting: { useCompilerPlugins } },
})

describe('what DevTools compiles', () => {
  test('TypeScript, when the project asks for it', async () => {
    const app = await launchSmallApp({
      ...withPlugins('typescript'),
      'pages/home/home.ts': `
        import { greet, type Greeting } from '../../lib/greet'
        enum Mood { Good = 1 }
        const greeting = greet('you') satisfies Greeting
        Page<{ greeting: string; mood: Mood }, {}>({ data: { greeting, mood: Mood.Good } })`,
      'lib/greet.ts': "export type Greeting = string; export const greet = (name: string): Greeting => 'hello ' + name",
      'pages/home/home.wxml': '<view class="it">{{greeting}} {{mood}}</view>',
    })
    expect(errorsOf(app)).toEqual([])
    expect(app.text('.it')).toBe('hello you 1')
  })

  test('TypeScript that nobody compiles stops the start, in one line that says what to do', async () => {
    await expect(launchSmallApp({ 'pages/home/home.ts': 'Page({})' })).rejects.toThrow(
      /^pages\/home\/home\.ts is not compiled to pages\/home\/home\.js: .*useCompilerPlugins/,
    )
  })

  test('Sass and Less, when the project asks for them', () => {
    const folder = writeApp({
      ...withPlugins('sass', 'less'),
      'a.scss': "@use './colors'; .a { .b { color: colors.$main } }",
      '_colors.scss': '$main: red;',
      'b.less': "@import './sizes'; .c { width: @wide }",
      'sizes.less': '@wide: 9rpx;',
      'c.wxss': '.plain {}',
    })
    const { files } = openAppFolder(folder)
    expect(files.read('a.wxss')).toBe('.a .b {\n  color: red;\n}')
    expect(files.read('b.wxss')).toContain('width: 9rpx')
    expect(files.read('c.wxss')).toBe('.plain {}')
  })

  test('no style sheet is made of Sass that the project does not ask for', () => {
    const { files } = openAppFolder(writeApp({ 'a.scss': '.a {}' }))
    expect(files.read('a.wxss')).toBeNull()
  })

  test('the private config overrides the shared one', () => {
    const folder = writeApp({
      'project.config.json': { appid: 'wxshared', setting: { es6: true, useCompilerPlugins: ['sass'] } },
      'project.private.config.json': { appid: 'wxown', setting: { es6: false } },
      'a.scss': '.a {}',
    })
    expect(openAppFolder(folder)).toMatchObject({ appid: 'wxown', strict: false })
  })

  test('a built folder may carry the config of the project it was built from', async () => {
    const app = await launchSmallApp({ 'project.config.json': { miniprogramRoot: 'dist/' } })
    expect(app.page().route).toBe('pages/home/home')
  })
})

describe('npm packages that were not built into miniprogram_npm', () => {
  const kit = {
    'node_modules/kit/package.json': { name: 'kit', miniprogram: 'mini' },
    'node_modules/kit/mini/button/index.js': "const { label } = require('../label'); Component({ data: { label } })",
    'node_modules/kit/mini/button/index.wxml': '<view class="label">{{label}}</view>',
    'node_modules/kit/mini/button/index.json': { component: true },
    'node_modules/kit/mini/label.js': "module.exports = { label: 'Buy' }",
    'pages/home/home.json': { usingComponents: { buy: 'kit/button' } },
    'pages/home/home.wxml': '<buy class="buy"/>',
  }

  test('an npm package made for mini-programs appears as its folder', async () => {
    const app = await launchSmallApp(kit)
    expect(errorsOf(app)).toEqual([])
    expect(app.text('.buy >>> .label')).toBe('Buy')
  })

  test('an npm package that brings packages of its own finds them', async () => {
    const app = await launchSmallApp({
      ...kit,
      'node_modules/kit/mini/label.js': "module.exports = { label: require('words').buy }",
      'node_modules/kit/mini/miniprogram_npm/words/index.js': "module.exports = { buy: 'Buy it' }",
    })
    expect(app.text('.buy >>> .label')).toBe('Buy it')
  })

  test('an npm package without the field "miniprogram" is its folder miniprogram_dist', async () => {
    const moved = Object.fromEntries(
      Object.entries(kit).map(([path, content]) => [path.replace('/mini/', '/miniprogram_dist/'), content]),
    )
    const app = await launchSmallApp({
      ...moved,
      'node_modules/kit/package.json': { name: 'kit' },
      'node_modules/kit/miniprogram_dist/index.js': '',
    })
    expect(app.text('.buy >>> .label')).toBe('Buy')
  })

  test('of any other npm package only its entry can be required, and the packages that it requires itself', async () => {
    const app = await launchSmallApp({
      'node_modules/tools/package.json': { name: 'tools', main: 'lib/main.js' },
      'node_modules/tools/lib/main.js': "module.exports = require('./own') + require('@scope/more')",
      'node_modules/tools/lib/own.js': 'module.exports = 1',
      'node_modules/@scope/more/package.json': { name: '@scope/more' },
      'node_modules/@scope/more/index.js': 'module.exports = 2',
      'pages/home/home.js': `
        let inner
        try { inner = require('tools/lib/own') } catch (error) { inner = error.message }
        Page({ data: { sum: require('tools'), inner } })`,
    })
    expect(app.page().data).toMatchObject({ sum: 3, inner: expect.stringContaining('is not defined') })
  })

  test('packNpmManually of the project says where its npm packages are', async () => {
    const app = await launchSmallApp({
      'project.config.json': {
        miniprogramRoot: 'mini/',
        setting: {
          packNpmManually: true,
          packNpmRelationList: [{ packageJsonPath: './package.json', miniprogramNpmDistDir: './mini/' }],
        },
      },
      'node_modules/tools/package.json': { name: 'tools', main: 'main.js' },
      'node_modules/tools/main.js': 'module.exports = 7',
      'mini/app.json': { pages: ['home'] },
      'mini/app.js': 'App({})',
      'mini/home.js': "Page({ data: { seven: require('tools') } })",
      'mini/home.wxml': '<view/>',
    })
    expect(app.page()).toMatchObject({ route: 'home', data: { seven: 7 } })
  })

  test('a library that WeChat brings (useExtendedLib) is taken from node_modules, and a warning says so where it is not there', async () => {
    const files = {
      'app.json': { pages: ['pages/home/home'], useExtendedLib: { weui: true } },
      'pages/home/home.json': { usingComponents: { dialog: 'weui-miniprogram/dialog/dialog' } },
      'pages/home/home.wxml': '<dialog class="dialog"/>',
    }
    const without = await launchSmallApp(files)
    expect(without.warnings).toEqual([
      'component "weui-miniprogram/dialog/dialog" is not found (used by pages/home/home.json), its element stays empty: WeChat brings weui-miniprogram (useExtendedLib), here it has to be installed: npm install weui-miniprogram',
    ])
    expect(errorsOf(without)).toEqual([])
    const app = await launchSmallApp({
      ...files,
      'node_modules/weui-miniprogram/package.json': { name: 'weui-miniprogram', miniprogram: 'miniprogram_dist' },
      'node_modules/weui-miniprogram/miniprogram_dist/dialog/dialog.js': 'Component({})',
      'node_modules/weui-miniprogram/miniprogram_dist/dialog/dialog.wxml': '<view class="in">dialog</view>',
    })
    expect([app.text('.dialog >>> .in'), app.warnings]).toEqual(['dialog', []])
  })

  test('a package in miniprogram_npm wins over the one in node_modules', async () => {
    const app = await launchSmallApp({
      'node_modules/tools/package.json': { name: 'tools' },
      'node_modules/tools/index.js': "module.exports = 'node_modules'",
      'miniprogram_npm/tools/index.js': "module.exports = 'miniprogram_npm'",
      'pages/home/home.js': "Page({ data: { from: require('tools') } })",
    })
    expect(app.page().data.from).toBe('miniprogram_npm')
  })
})
