import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ROOT } from '../root.ts'

const PAGES = globSync(
  ['*.md', 'docs/**/*.md', '{packages,apps}/*/*.md', '{packages,apps}/*/{docs,bench,src}/**/*.md'],
  {
    cwd: ROOT,
    exclude: (name) => name.includes('node_modules'),
  },
)

const NAMING_TESTS = PAGES.filter((page) => page.startsWith('docs/') && testsNamedIn(page).length > 0)

describe('the documents', () => {
  test('are found', () => {
    expect(PAGES).toEqual(expect.arrayContaining(['README.md', 'CONTRIBUTING.md', 'docs/outages.md']))
    expect(NAMING_TESTS).toEqual(expect.arrayContaining(['docs/asvs.md', 'docs/outages.md']))
  })

  // That the test has passed is seen to by `.ci/run`.
  test.each(NAMING_TESTS)('every test that %s names is there', (page) => {
    for (const { title, file } of testsNamedIn(page)) expect(readTests(file), `${page}: ${file}`).toContain(title)
  })

  test.each(PAGES)('every link in %s leads to a file', (page) => {
    const text = read(page).replaceAll(/```[\s\S]*?```|`[^`]*`/g, '')
    const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target)
    const local = targets.filter((target) => !/^(\w+:|#)/.test(target)).map((target) => target.replace(/#.*/, ''))
    expect(local.filter((target) => !existsSync(join(ROOT, dirname(page), target)))).toEqual([])
  })
})

/** `[title](../packages/…/x.test.ts)` */
function testsNamedIn(page: string): { title: string; file: string }[] {
  const links = read(page).matchAll(/\[([^\]]+)\]\(\.\.\/([^)]+\.ts)\)/g)
  return [...links].map(([, title = '', file = '']) => ({ title, file }))
}

/** A file of tests, with what it imports from beside it: one suite may be run for several servers. */
function readTests(file: string): string {
  const text = read(file)
  const imported = [...text.matchAll(/^\S.*from '(\.\/[^']+)'/gm)].map(([, path = '']) =>
    read(join(dirname(file), path)),
  )
  return [text, ...imported].join('\n')
}

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
}
