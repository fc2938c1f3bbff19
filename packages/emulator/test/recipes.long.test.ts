import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'

const PACKAGE = fileURLToPath(new URL('..', import.meta.url))
const page = (name: string) => readFileSync(join(PACKAGE, 'docs', name), 'utf8')
const blocksOf = (text: string, language: string) =>
  [...text.matchAll(new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 'gs'))].map(([, code = '']) => code)

const [backend = '', recipe = ''] = blocksOf(page('recipes.md'), 'js')
const VITEST_LINE = /^import .* from 'vitest'\n/m
/** Outside the repository, as a reader's project is. */
const folder = mkdtempSync(join(tmpdir(), 'recipes-'))

/** A project as the page describes it, with the packages it would have installed. */
function createProject(name: string, test: string): string {
  const project = join(folder, name)
  mkdirSync(join(project, 'node_modules/@weapp-auth'), { recursive: true })
  symlinkSync(PACKAGE, join(project, 'node_modules/@weapp-auth/emulator'))
  symlinkSync(folderOf('vitest'), join(project, 'node_modules/vitest'))
  writeFileSync(join(project, 'package.json'), '{ "type": "module", "private": true }')
  writeFileSync(join(project, 'backend.js'), backend)
  writeFileSync(join(project, 'sign-in.test.js'), test)
  cpSync(join(PACKAGE, 'test/fixtures/sign-in'), join(project, 'dist'), { recursive: true })
  return project
}

function folderOf(name: string): string {
  return dirname(createRequire(import.meta.url).resolve(`${name}/package.json`))
}

function run(project: string, program: string, args: string[], env: Record<string, string> = {}) {
  return spawnSync(process.execPath, [program, ...args], {
    cwd: project,
    encoding: 'utf8',
    timeout: 110_000,
    env: { PATH: process.env.PATH, HOME: folder, ...env },
  })
}

beforeAll(() => {
  expect([backend, recipe]).toEqual([expect.stringContaining('startBackend'), expect.stringMatching(VITEST_LINE)])
})
afterAll(() => rmSync(folder, { recursive: true }))

test('the recipe for Vitest runs as it is printed', () => {
  const project = createProject('with-vitest', recipe)
  const { status, stdout, stderr } = run(project, join(folderOf('vitest'), 'vitest.mjs'), ['run'])
  expect(status, stdout + stderr).toBe(0)
  expect(stdout).toMatch(/3 passed/)
})

test('the recipe for Jest runs as it is described', () => {
  const project = createProject('with-jest', recipe.replace(VITEST_LINE, ''))
  // --ci would not write the snapshot, which is what a first run does.
  const program = join(folderOf('jest'), 'bin/jest.js')
  const env = { NODE_OPTIONS: '--experimental-vm-modules' }
  const { status, stderr } = run(project, program, ['--ci=false', '--rootDir', project], env)
  expect(status, stderr).toBe(0)
  expect(stderr).toMatch(/Tests: +3 passed/)
})

test('the recipe sees a backend that sends a code twice', () => {
  const twice = backend.replace(/const answer = await (fetch\(.*?\))\.then/, (all, call) => `await ${call}\n    ${all}`)
  expect(twice).not.toBe(backend)
  const project = createProject('broken', recipe)
  writeFileSync(join(project, 'backend.js'), twice)
  const { status, stdout, stderr } = run(project, join(folderOf('vitest'), 'vitest.mjs'), ['run'])
  expect(status).toBe(1)
  expect(stdout + stderr).toContain('code c1 was sent to WeChat 2 times')
})

test('the Chinese page has the same programs', () => {
  for (const language of ['js', 'sh']) {
    expect(blocksOf(page('recipes.zh-CN.md'), language)).toEqual(blocksOf(page('recipes.md'), language))
  }
})
