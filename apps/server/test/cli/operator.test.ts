import { syncBuiltinESMExports } from 'node:module'
import os from 'node:os'
import { expect, onTestFinished, test, vi } from 'vitest'
import { operator } from '../../src/cli/operator.ts'

test.each<[string, () => string, string]>([
  ['is plain', () => 'xiaoming', 'operator:xiaoming'],
  ['has characters that a header may not hold', () => '小 明\r\nx', 'operator:-----x'],
  ['is very long', () => 'x'.repeat(100), `operator:${'x'.repeat(64)}`],
  ['is empty', () => '', 'operator:unknown'],
  [
    'does not exist, as in a container',
    () => {
      throw new Error('no such user')
    },
    'operator:1234',
  ],
])('events name a person on the command line whose name %s', (_, readName, expected) => {
  const spy = vi.spyOn(os, 'userInfo').mockImplementation(() => ({ username: readName() }) as never)
  const uid = vi.spyOn(process, 'getuid').mockReturnValue(1_234)
  syncBuiltinESMExports()
  onTestFinished(() => {
    spy.mockRestore()
    uid.mockRestore()
    syncBuiltinESMExports()
  })
  expect(operator()).toBe(expected)
})
