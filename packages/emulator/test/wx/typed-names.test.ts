import { createRequire } from 'node:module'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { TYPED_NAMES } from '../../src/wx/typed-names.ts'
import { createManualPhone } from '../manual-phone.ts'
import { readBaseLibrary, readTypedNames, renderTypedNames } from './typed-names.ts'

const { version } = createRequire(import.meta.url)('miniprogram-api-typings/package.json')

test('the list of functions is that of the official typings', async () => {
  const source = renderTypedNames(readTypedNames(), version, readBaseLibrary())
  await expect(source).toMatchFileSnapshot(join(import.meta.dirname, '../../src/wx/typed-names.ts'))
})

test('every function of the official typings exists on a device, which says that it has their base library', () => {
  const { wx } = createManualPhone()
  expect(wx.getAppBaseInfo().SDKVersion).toBe(readBaseLibrary())
  const missing = Object.values(TYPED_NAMES)
    .flat()
    // These need pages: a host adds them.
    .filter((name) => !/^(navigateTo|navigateBack|redirectTo|reLaunch|switchTab|createSelectorQuery)$/.test(name))
    .filter((name) => typeof (wx as unknown as Record<string, unknown>)[name] !== 'function')
  expect(missing).toEqual([])
})
