// Documents stand in two languages: `X.md` in English, `X.zh-CN.md` in Chinese. A Chinese reader is sent to Chinese pages.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ROOT } from '../root.ts'

/** For people who work on this repository, not for those who use it. */
const ENGLISH_ONLY = /^CONTRIBUTING\.md$|\/(bench|src|test)\/|^(apps\/(console|playground)|packages\/test-servers)\//

const documents = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .trim()
  .split('\n')
const chinese = documents.filter((file) => file.endsWith('.zh-CN.md'))
const english = documents.filter((file) => !file.endsWith('.zh-CN.md'))

function toChinese(file: string): string {
  return file.replace(/\.md$/, '.zh-CN.md')
}

function read(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8')
}

/** A document without its samples, in which `#` begins no heading and `[x](y)` no link. */
function proseOf(file: string): string {
  return read(file).replace(/^( *)```[\s\S]*?^\1```$/gm, '')
}

interface Link {
  text: string
  /** From the root of the repository, without its anchor. */
  file: string
  anchor: string
  /** What stands behind it. */
  after: string
}

/** The links of a document to files of this repository. */
function linksOf(file: string): Link[] {
  return [...proseOf(file).matchAll(/\[([^\]]+)\]\((?!\w+:)([^)#\s]*)(?:#([^)]+))?\)(?=(.{0,4}))/g)].map(
    ([, text = '', path = '', anchor = '', after = '']) => ({
      text,
      file: path === '' ? file : normalize(join(dirname(file), path)).replace(/\/$/, ''),
      anchor: decodeURIComponent(anchor),
      after,
    }),
  )
}

/** The anchors of a document's headings, as GitHub makes them. */
function anchorsOf(file: string): string[] {
  return [...proseOf(file).matchAll(/^#+ (.+)$/gm)].map(([, title = '']) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .replace(/ /g, '-'),
  )
}

test.each(english.filter((file) => !ENGLISH_ONLY.test(file)))('%s is there in Chinese', (file) => {
  expect(documents).toContain(toChinese(file))
  expect(linksOf(file).map((link) => link.file)).toContain(toChinese(file))
})

test.each(documents)('every link of %s leads somewhere', (file) => {
  for (const link of linksOf(file)) {
    expect(existsSync(join(ROOT, link.file)), link.file).toBe(true)
    if (link.anchor && link.file.endsWith('.md')) expect(anchorsOf(link.file), link.file).toContain(link.anchor)
  }
})

describe.each(chinese)('%s', (file) => {
  const twin = file.replace('.zh-CN.md', '.md')

  test('leads to Chinese pages, and says which page is in English', () => {
    const [first, ...rest] = linksOf(file).filter((link) => link.file === twin)
    expect([first?.text, rest]).toEqual(['English', []])
    for (const link of linksOf(file).filter((each) => each.file !== twin)) {
      const isFolder = statSync(join(ROOT, link.file)).isDirectory()
      const page = isFolder ? join(link.file, 'README.md') : link.file
      if (!page.endsWith('.md') || page.endsWith('.zh-CN.md') || !documents.includes(page)) continue
      expect(documents, `${link.file} has a Chinese page`).not.toContain(toChinese(page))
      expect(link.after, `${link.file} is in English: say so behind the link`).toMatch(/^（英文）/)
    }
  })

  test('has the headings, the rows of tables and the samples of its English twin', () => {
    const shapeOf = (page: string) => ({
      headings: [...proseOf(page).matchAll(/^(#+) /gm)].map(([, level]) => level),
      rows: proseOf(page).match(/^\|/gm)?.length ?? 0,
      samples: [...read(page).matchAll(/^ *```(\w*)\n([\s\S]*?)^ *```$/gm)]
        // Diagrams are translated, and so are comments.
        .filter(([, language]) => language !== 'mermaid' && language !== 'text')
        .map(([, , sample = '']) => sample.replace(/(^|\s+)(\/\/|#) .*$/gm, '').replaceAll(/<[^>]+>/g, '<>')),
    })
    expect(shapeOf(file)).toEqual(shapeOf(twin))
  })

  test('is written as Chinese is', () => {
    const prose = proseOf(file)
      .replace(/`[^`]*`/g, '`')
      .replace(/\]\([^)]*\)/g, ']')
    const findings = [
      ...prose.matchAll(/您/g), // 你 throughout
      ...prose.matchAll(/[「」『』]|[一-鿿]["']|["'][一-鿿]/g), // “” for quotes
      ...prose.matchAll(/\bpromises?\b/g), // Promise
      ...prose.matchAll(/[一-鿿] ?[,;:?!()](?=\s|[一-鿿])|[,;:?!()][一-鿿]/g), // Chinese punctuation
      // A line break inside a paragraph becomes a space.
      ...prose.matchAll(/^(?![|#\-\s]|\d+\. ).*[一-鿿，。；：、）”]\n(?![|#\-\s]|\d+\. )\S/gm),
    ].map(([finding]) => finding)
    expect(findings).toEqual([])
  })
})
