// What `.ci/run` makes of its steps: played by an npm that leaves the results a test gives it.
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ROOT } from '../root.ts'

interface Step {
  results?: object
  exitCode?: number
}

const FILE = 'packages/x/test/x.test.ts'
const CHECKED = { passed: 3, failed: 0 }
const GREEN: Record<string, Step> = {
  test: { results: run([{ title: 'adds', status: 'passed' }]) },
  'test:long': { results: run([{ title: 'adds for long', status: 'passed' }]) },
  lint: { results: CHECKED },
  packer: { results: CHECKED },
}

describe('.ci/run', () => {
  test('runs every step and ends with what passed and what failed', () => {
    const { status, lastLine, output } = ci(GREEN)
    expect([status, lastLine]).toEqual([0, '8 passed, 0 failed'])
    for (const step of Object.keys(GREEN)) expect(output).toMatch(new RegExp(`^${step} took \\d+ s$`, 'm'))
  })

  test.each<[string, Record<string, Step>, string]>([
    [
      'a failed test',
      { test: { results: run([{ title: 'adds', status: 'failed' }]), exitCode: 1 } },
      `failed: ${FILE} > x adds`,
    ],
    ['a skipped test', { test: { results: run([{ title: 'adds', status: 'skipped' }]) } }, `skipped: ${FILE} > x adds`],
    ['a pending test', { test: { results: run([{ title: 'adds', status: 'pending' }]) } }, `pending: ${FILE} > x adds`],
    ['a test still to be written', { test: { results: run([{ title: 'adds', status: 'todo' }]) } }, 'todo:'],
    [
      'an error outside of a test',
      { test: { results: run([], false), exitCode: 1 } },
      'test: an error outside of a test',
    ],
    ['a file that does not load', { test: { results: run([], false, 'failed'), exitCode: 1 } }, 'Cannot find module'],
    ['a test run that ends with an error', { 'test:long': { ...GREEN['test:long'], exitCode: 7 } }, 'test:long: ended'],
    ['a test run that leaves no results', { 'test:long': { exitCode: 1 } }, 'test:long: it left no'],
    [
      'a failed check of the code',
      { lint: { results: { passed: 2, failed: 1 }, exitCode: 1 } },
      'lint: a check failed',
    ],
    ['checks that end with an error', { lint: { results: CHECKED, exitCode: 1 } }, 'lint: ended with an error'],
    ['checks that leave no results', { packer: { exitCode: 1 } }, 'packer: it left no'],
  ])('is red for %s', (_, steps, said) => {
    const { status, lastLine, output } = ci({ ...GREEN, ...steps })
    expect(status).toBe(1)
    expect(output).toContain(`FAIL ${said === 'Cannot find module' ? `failed: ${FILE} > Error: ${said}` : said}`)
    expect(lastLine).toMatch(/^\d+ passed, 1 failed$/)
  })

  test('prints a test that passed when it was tried again, with what it failed for, and is green', () => {
    const flaky = { title: 'adds', status: 'passed', failureMessages: ['Error: 2 is not 3\n    at x.ts'] }
    const { status, output, lastLine } = ci({ ...GREEN, test: { results: run([flaky]) } })
    expect([status, lastLine]).toEqual([0, '8 passed, 0 failed'])
    expect(output).toContain(`TRIED AGAIN ${FILE} > x adds: Error: 2 is not 3\n`)
  })

  test('prints what a failed test said, so that the end of the output is enough to know where to look', () => {
    const red = { title: 'adds', status: 'failed', failureMessages: ['Error: 2 is not 3\n    at x.ts'] }
    const { output } = ci({ ...GREEN, test: { results: run([red]), exitCode: 1 } })
    expect(output).toContain(`FAIL failed: ${FILE} > x adds\n  Error: 2 is not 3\n      at x.ts\n`)
  })

  test('is red when no test has passed, however many checks have', () => {
    const nothing = { results: run([]) }
    const { status, lastLine } = ci({ ...GREEN, test: nothing, 'test:long': nothing })
    expect([status, lastLine]).toEqual([1, '6 passed, 1 failed'])
  })

  test.each([
    ['adds', 0],
    ['x adds', 0],
    ['a$name', 0],
    ['%s for long', 0],
    ['subtracts', 1],
    ['adds.', 1],
  ])('looks for the test `%s`, named in docs/, among those that have passed', (title, status) => {
    const page = `| killed | [${title}](../${FILE}) |`
    expect(ci(GREEN, { 'docs/outages.md': page }).status).toBe(status)
  })

  test('is red for a test named in docs/ of another file', () => {
    const page = '[adds](../packages/y/test/y.test.ts)'
    const { output } = ci(GREEN, { 'docs/outages.md': page })
    expect(output).toContain('FAIL docs/outages.md names a test that did not pass: packages/y/test/y.test.ts > adds')
  })
})

/** What the test runner writes of one file with these tests. */
function run(
  tests: readonly { title: string; status: string; failureMessages?: string[] }[],
  success?: boolean,
  fileStatus = 'passed',
) {
  return {
    success: success ?? tests.every(({ status }) => status !== 'failed'),
    testResults: [
      {
        name: `ROOT/${FILE}`,
        status: fileStatus,
        message: 'Error: Cannot find module\n    at x.ts',
        assertionResults: tests.map((test) => ({ ...test, fullName: `x ${test.title}` })),
      },
    ],
  }
}

/** Runs `.ci/run` in a repository of its own, on a machine that has all packages. */
function ci(steps: Record<string, Step>, files: Record<string, string> = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'weapp-auth-ci-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  cpSync(join(ROOT, '.ci'), join(folder, '.ci'), { recursive: true })
  const names: Record<string, string> = { test: 'test-results', 'test:long': 'test-long-results' }
  const npm = Object.entries(steps).map(([step, { results, exitCode = 0 }]) => {
    const file = `.cache/${names[step] ?? `${step}-results`}.json`
    const json = results && JSON.stringify(results).replaceAll('ROOT', folder)
    return `[ "$2" = ${step} ] && { ${json ? `printf %s '${json}' > ${file}; ` : ''}exit ${exitCode}; }`
  })
  const all = {
    'docs/page.md': 'Nothing.',
    'bin/npm': `#!/bin/sh\n${npm.join('\n')}\nexit 99\n`,
    'bin/dpkg-query': '#!/bin/sh\nprintf installed\n',
    '.cache/test-results.json': '{ "from": "an earlier run" }',
    ...files,
  }
  for (const [name, content] of Object.entries(all)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true })
    writeFileSync(join(folder, name), content)
    if (name.startsWith('bin/')) chmodSync(join(folder, name), 0o755)
  }
  const { status, stdout, stderr } = spawnSync(join(folder, '.ci/run'), {
    env: { PATH: `${join(folder, 'bin')}${delimiter}${process.env.PATH}`, HOME: folder },
    encoding: 'utf8',
  })
  const output = stdout + stderr
  return { status, output, lastLine: stdout.trim().split('\n').at(-1) }
}
