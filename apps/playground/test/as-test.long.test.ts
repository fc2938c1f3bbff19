import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { toTest } from '../src/as-test.ts'
import { SCENARIOS } from '../src/scenarios.ts'
import { startDemonstration } from './demonstration.ts'

const VITEST = join(dirname(createRequire(import.meta.url).resolve('vitest/package.json')), 'vitest.mjs')
/** Beside the page, where `@weapp-auth/emulator` is found. */
const FOLDER = join(import.meta.dirname, '../dist/copied-tests')
const EXAMPLE = join(import.meta.dirname, '../../miniprogram')

test('what "copy as a test" gives is a test that passes, for every story', async () => {
  const demonstration = await startDemonstration()
  onTestFinished(() => demonstration.close())
  rmSync(FOLDER, { recursive: true, force: true })
  mkdirSync(FOLDER, { recursive: true })
  onTestFinished(() => rmSync(FOLDER, { recursive: true, force: true }))
  for (const scenario of SCENARIOS) writeFileSync(join(FOLDER, `${scenario.id}.test.mjs`), toTest(scenario))
  writeFileSync(
    join(FOLDER, 'vitest.config.mjs'),
    // One after the other: they share WeChat's clock and faults.
    'export default { test: { include: ["*.test.mjs"], fileParallelism: false, testTimeout: 60_000 } }',
  )
  const reportFile = join(FOLDER, 'report.json')
  const args = ['run', '--root', FOLDER, '--no-color', '--reporter=json', `--outputFile=${reportFile}`]
  const child = spawn(process.execPath, [VITEST, ...args], {
    env: { PATH: process.env.PATH ?? '', SERVICE_URL: demonstration.address, MINIPROGRAM: EXAMPLE },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      printed += chunk.toString()
    })
  }
  await once(child, 'close')
  expect(existsSync(reportFile), printed).toBe(true)
  const report = JSON.parse(readFileSync(reportFile, 'utf8')) as {
    numPassedTests: number
    testResults: { name: string; message: string; assertionResults: { status: string; failureMessages: string[] }[] }[]
  }
  const failures = report.testResults.flatMap(({ name, message, assertionResults }) =>
    assertionResults.every(({ status }) => status === 'passed')
      ? []
      : [`${name}: ${message} ${assertionResults.flatMap(({ failureMessages }) => failureMessages).join('\n')}`],
  )
  expect(failures).toEqual([])
  expect(report.numPassedTests).toBe(SCENARIOS.length)
}, 300_000)
