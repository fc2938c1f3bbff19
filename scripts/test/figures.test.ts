import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { buildClient, sharesOf } from '../../packages/client/build.mts'
import { readResult } from '../figure.ts'
import { clientFigures, type Figure, measuredFigures, write } from '../figures.ts'
import { describeOutdated, digestsOf, findOutdated, noteCode } from '../measured-code.ts'
import { ROOT } from '../root.ts'

/** How long a result may be older than the code it is about. */
const MAX_LAG_MS = 30 * 24 * 3_600_000

const size = await buildClient()
const FIGURES = [...measuredFigures(), ...clientFigures(size, await sharesOf(size))]

describe('the figures in the documents', () => {
  test.each(FIGURES)('$file says the truth: $sentence', (figure) => {
    const text = readFileSync(join(ROOT, figure.file), 'utf8')
    const written = write(text, figure)
    expect(written, 'the sentence is there; it may have been reworded in scripts/figures.ts only').not.toBeNull()
    expect(written === text, `run npm run bench -- figures: it should say ${JSON.stringify(figure.values)}`).toBe(true)
  })

  test('a result is of other code than there is now for 30 days at most', async () => {
    for (const { result, measuredAtMs, changed } of await findOutdated()) {
      const args = ['log', '-1', '--format=%ct', '--', ...changed]
      const changedAtMs = Number(execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' })) * 1000
      expect(changedAtMs - measuredAtMs, `measure ${result} again: ${changed.join(', ')}`).toBeLessThan(MAX_LAG_MS)
    }
  })
})

test('a benchmark notes in its own result which code it measured, and when; a result that says nothing, or something else, is outdated', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'results-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const put = (name: string, result: object) => writeFileSync(join(folder, `${name}.json`), JSON.stringify(result))
  const old = { measuredAt: '2026-01-02T03:04:05Z' }
  for (const name of ['disk', 'guard', 'profile', 'memory', 'scale', 'sign-in', 'sockets', 'storm']) put(name, old)
  let measuredAt = ''
  await noteCode(async () => {
    measuredAt = new Date().toISOString()
    put('memory', { measuredAt, bytes: 480 })
    writeFileSync(join(folder, 'memory.md'), '| bytes |\n')
  }, folder)
  const day = measuredAt.slice(0, 10)
  expect(readFileSync(join(folder, 'memory.md'), 'utf8')).toBe(`Measured on ${day}.\n\n| bytes |\n`)
  const memory = readResult<object>('memory', folder)
  const code = await digestsOf(['packages/fastify/src/sessions'])
  expect(memory).toMatchObject({ bytes: 480, code })
  put('scale', { ...old, code })
  put('sockets', { ...old, code: { ...code, 'packages/fastify/src/sockets': 'before' } })
  const outdated = await findOutdated(folder)
  expect(outdated.map(({ result }) => result)).toEqual(['disk', 'guard', 'profile', 'sign-in', 'sockets', 'storm'])
  expect(describeOutdated(outdated)).toContain(
    'results/sockets.json is of 2026-01-02, before a change of packages/fastify/src/sockets\n',
  )
})

describe('the digest of measured code', () => {
  test.each([
    [
      'stays when a comment, a type or the layout changes',
      'src/a.ts',
      '/** Two. */\nexport const two: 1 | 2 =\n  2',
      true,
    ],
    ['changes with the code', 'src/a.ts', 'export const two = 3', false],
    ['changes with a file that is new', 'src/b/c.ts', 'export const three = 3', false],
    ['stays with a file that is no code', 'src/README.md', 'Two.', true],
  ])('%s', async (_, file, text, stays) => {
    const root = mkdtempSync(join(tmpdir(), 'measured-code-'))
    onTestFinished(() => rmSync(root, { recursive: true }))
    mkdirSync(join(root, 'src/b'), { recursive: true })
    writeFileSync(join(root, 'src/a.ts'), 'export const two = 2\n')
    const before = await digestsOf(['src', 'src/a.ts'], root)
    writeFileSync(join(root, file), text)
    const { src } = await digestsOf(['src'], root)
    expect(src === before.src).toBe(stays)
    expect(before['src/a.ts']).not.toBe(before.src)
  })
})

describe('a sentence with figures', () => {
  const figure: Figure = { file: 'x', sentence: 'It takes {a} ms (or {b}).', values: { a: '1.5', b: '2,000' } }

  test.each([
    ['says the truth', 'So: It takes 1.5 ms (or 2,000). Yes.', 'So: It takes 1.5 ms (or 2,000). Yes.'],
    ['says something else', 'It takes 1.4 ms (or 2,000).', 'It takes 1.5 ms (or 2,000).'],
    ['is broken into lines', 'It\ntakes 1.5 ms\n(or 2,000).', 'It\ntakes 1.5 ms\n(or 2,000).'],
    ['is not there', 'It takes long.', null],
  ])('that %s', (_, text, written) => {
    expect(write(text, figure)).toBe(written)
  })

  test('keeps the comma that follows a figure', () => {
    const date = { ...figure, sentence: 'on {day}', values: { day: '26' } }
    expect(write('Asked on 21, told on 3.', date)).toBe('Asked on 26, told on 3.')
  })

  test('is let be within its tolerance', () => {
    const tolerant = { ...figure, tolerance: 0.1 }
    expect(write('It takes 1.4 ms (or 2,000).', tolerant)).toBe('It takes 1.4 ms (or 2,000).')
    expect(write('It takes 1.3 ms (or 2,000).', tolerant)).toBe('It takes 1.5 ms (or 2,000).')
  })
})
