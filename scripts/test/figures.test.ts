import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { buildClient, sharesOf } from '../../packages/client/build.mts'
import { clientFigures, type Figure, measuredFigures, measurements, write } from '../figures.ts'
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

  test.each(measurements())('results/$name.json is not much older than the code it is about', (measurement) => {
    const { measuredAtMs, sources } = measurement
    expect(measuredAtMs).toBeGreaterThan(0)
    const args = ['log', '-1', '--format=%ct', '--', ...sources]
    const changedAtMs = Number(execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' })) * 1000
    expect(changedAtMs - measuredAtMs, 'run npm run bench for it again').toBeLessThan(MAX_LAG_MS)
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

  test('is let be within its tolerance', () => {
    const tolerant = { ...figure, tolerance: 0.1 }
    expect(write('It takes 1.4 ms (or 2,000).', tolerant)).toBe('It takes 1.4 ms (or 2,000).')
    expect(write('It takes 1.3 ms (or 2,000).', tolerant)).toBe('It takes 1.5 ms (or 2,000).')
  })
})
