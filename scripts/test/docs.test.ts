import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { ROOT } from '../root.ts'

/** Pages that prove what they say by tests, in both languages. */
const PAGES = readdirSync(join(ROOT, 'docs')).filter((name) => name.endsWith('.md'))

test.each(PAGES)('every test that docs/%s names is there', (name) => {
  const page = readFileSync(join(ROOT, 'docs', name), 'utf8')
  const named = [...page.matchAll(/\[([^\]]+)\]\(\.\.\/([^)]+\.ts)\)/g)]
  expect(named.length).toBeGreaterThan(2)
  for (const [, title = '', file = ''] of named) expect(readWithSuites(join(ROOT, file)), file).toContain(title)
})

/** A test file and the modules beside it, one of which may be a suite that several test files run. */
function readWithSuites(file: string): string {
  const text = readFileSync(file, 'utf8')
  const imported = [...text.matchAll(/from '(\.\/[^']+)'/g)].map(([, path = '']) => join(dirname(file), path))
  return [text, ...imported.filter(existsSync).map((path) => readFileSync(path, 'utf8'))].join('\n')
}
