import { createRequire } from 'node:module'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { apiRoutes } from '../../src/http/wechat-api.ts'
import { createWorld } from '../../src/world.ts'
import { launchSmallApp } from '../host/small-app.ts'
import { createManualPhone } from '../manual-phone.ts'
import { renderPlayed } from './played-table.ts'

const { version } = createRequire(import.meta.url)('miniprogram-api-typings/package.json')

test('the table of what is played is that of the code and of the official typings, in both languages', async () => {
  // What a program is told, its host's part included.
  const app = await launchSmallApp({ 'pages/home/home.js': 'Page({ can: (name) => wx.canIUse(name) })' })
  const { can } = app.page().instance as unknown as { can: (name: string) => boolean }
  const { openTypes } = createManualPhone().device.buttons
  const coverage = { version, isPlayed: can, routes: apiRoutes(createWorld()), openTypes }
  expect([can('login'), can('navigateTo'), can('createSelectorQuery'), can('getBatteryInfo')]).toEqual([
    true,
    true,
    true,
    false,
  ])
  const docs = join(import.meta.dirname, '../../docs')
  await expect(renderPlayed(coverage, 'en')).toMatchFileSnapshot(join(docs, 'played.md'))
  await expect(renderPlayed(coverage, 'zh')).toMatchFileSnapshot(join(docs, 'played.zh-CN.md'))
})
