import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ROOT } from '../root.ts'

test.each(['asvs.md', 'outages.md'])('every test that docs/%s names is there', (name) => {
  const page = readFileSync(join(ROOT, 'docs', name), 'utf8')
  const named = [...page.matchAll(/\[([^\]]+)\]\(\.\.\/([^)]+\.ts)\)/g)]
  expect(named.length).toBeGreaterThan(9)
  for (const [, title = '', file = ''] of named) expect(readFileSync(join(ROOT, file), 'utf8'), file).toContain(title)
})
