import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ROOT } from '../root.ts'

test('every test that docs/asvs.md names is there', () => {
  const page = readFileSync(join(ROOT, 'docs', 'asvs.md'), 'utf8')
  const named = [...page.matchAll(/\[([^\]]+)\]\(\.\.\/([^)]+\.ts)\)/g)]
  expect(named.length).toBeGreaterThan(12)
  for (const [, name = '', file = ''] of named) expect(readFileSync(join(ROOT, file), 'utf8'), file).toContain(name)
})
