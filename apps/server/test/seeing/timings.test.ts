import { expect, test } from 'vitest'
import { createTimings } from '../../src/seeing/timings.ts'

const timings = () => createTimings({ name: 'x_seconds', help: 'How long x took.' })

test('a duration counts in its bucket, whose bound is part of it, and in every larger one', () => {
  const { of, render } = timings()
  const series = of({ route: '/a' })
  for (const seconds of [0.001, 0.0011, 0.25, 11]) series.observe(seconds)
  const lines = render().split('\n')
  expect(lines.slice(0, 2)).toEqual(['# HELP x_seconds How long x took.', '# TYPE x_seconds histogram'])
  const counts = Object.fromEntries(lines.map((line) => /le="(.+)"\} (\d+)$/.exec(line)?.slice(1) ?? ['', '']))
  expect(counts).toMatchObject({ 0.001: '1', 0.0025: '2', 0.1: '2', 0.25: '3', 10: '3', '+Inf': '4' })
  expect(lines).toContain('x_seconds_count{route="/a"} 4')
  expect(Number(/_sum\{.*\} (.*)$/m.exec(render())?.[1])).toBeCloseTo(11.2521)
})

test('the same labels are the same series, and other ones are another', () => {
  const { of, render } = timings()
  of({ route: '/a', status: 200 }).observe(1)
  of({ route: '/a', status: 200 }).observe(1)
  of({ route: '/a', status: 404 }).observe(1)
  expect(render()).toContain('x_seconds_count{route="/a",status="200"} 2\n')
  expect(render()).toMatch(/x_seconds_count\{route="\/a",status="404"\} 1\n$/)
})

test('a label keeps a quote, a backslash and a line break to itself', () => {
  const { of, render } = timings()
  of({ route: 'a"b\\c\nd' }).observe(1)
  expect(render()).toContain(String.raw`x_seconds_count{route="a\"b\\c\nd"} 1`)
})
