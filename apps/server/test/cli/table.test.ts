import { expect, test } from 'vitest'
import { toTable } from '../../src/cli/table.ts'

test('a table is aligned also where a text is Chinese or an emoji, and no line ends with spaces', () => {
  expect(
    toTable(
      ['id', 'name', 'x'],
      [
        ['1', '小明', 'a'],
        ['22', 'Li', ''],
        ['3', '🐱', 'c'],
      ],
    ),
  ).toBe(['id  name  x', '1   小明  a', '22  Li', '3   🐱    c', ''].join('\n'))
})

test('a name cannot move the cursor, change colours, or make a line of its own', () => {
  const printed = toTable(['name'], [['a\u001b[2Jb\r\nc\u009b31md\u007f']])
  expect(printed).toBe('name\na [2Jb  c 31md\n')
})
