import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ROOT } from '../root.ts'

interface ImportRule {
  /** A file that the rule is about. */
  file: string
  pattern: string
  message: string
}

/** Every pattern of every import rule in biome.json, with a file it holds for. */
const RULES = readImportRules()

const REFUSED = RULES.filter(({ pattern }) => !pattern.startsWith('!')).map((rule) => ({
  ...rule,
  imported: exampleOf(rule.pattern),
}))

const ALLOWED = [
  { file: 'packages/client/src/x.ts', imported: '@weapp-auth/shared' },
  { file: 'packages/client/src/x.ts', imported: './session.ts' },
  { file: 'packages/fastify/src/x.ts', imported: './sessions/sqlite-store.ts' },
  { file: 'packages/fastify/src/http/routes/x.ts', imported: '../../sessions/sessions.ts' },
  { file: 'packages/fastify/src/users/x.ts', imported: './sql-users.ts' },
  { file: 'packages/fastify/src/wechat/x.ts', imported: '../api-error.ts' },
  { file: 'packages/emulator/src/wx/x.ts', imported: '@weapp-auth/shared' },
  { file: 'apps/server/src/emulation.ts', imported: '@weapp-auth/emulator' },
  { file: 'apps/miniprogram/src/pages/index/x.ts', imported: '../../auth.ts' },
  { file: 'apps/miniprogram/src/x.ts', imported: '@weapp-auth/client' },
]

const SOURCES = [
  'packages/shared/src',
  'packages/client/src',
  'packages/fastify/src',
  'packages/emulator/src',
  'packages/test-servers/src',
  'apps/server/src',
  'apps/miniprogram/src',
  'apps/playground/src',
]
const CIRCLES = SOURCES.flatMap((folder) => [
  { folder, kind: 'values', one: `${folder}/circle-a.ts`, other: `${folder}/circle-b.ts`, statement: importing },
  { folder, kind: 'types', one: `${folder}/circle-c.ts`, other: `${folder}/circle-d.ts`, statement: importingType },
])

const OTHERS = [
  {
    what: 'a floating promise',
    file: 'packages/client/src/floating.ts',
    source: 'async function later(): Promise<void> {}\nexport function now(): void {\n  later()\n}\n',
    rule: 'noFloatingPromises',
  },
  {
    what: 'a skipped test',
    file: 'packages/client/test/skipped.test.ts',
    source: "import { test } from 'vitest'\n\ntest.skip('adds', () => {})\n",
    rule: 'noSkippedTests',
  },
  {
    what: 'a test that runs alone',
    file: 'packages/client/test/alone.test.ts',
    source: "import { test } from 'vitest'\n\ntest.only('adds', () => {})\n",
    rule: 'noFocusedTests',
  },
]

/** A rule that resolves nothing stays silent for ever, so each one is shown a violation, all of them in one run. */
const FOUND = lint()

describe('dependency rules', () => {
  test('are read from biome.json', () => {
    expect(RULES.length).toBeGreaterThan(40)
    expect(RULES.map(({ file }) => file)).toEqual(expect.arrayContaining(['apps/server/src/app.ts']))
  })

  test.each(REFUSED)('$file must not import $imported: $message', ({ file, imported, message }) => {
    expect(FOUND.get(`${file} < ${imported}`)).toContain(message)
  })

  test.each(ALLOWED)('$file may import $imported', ({ file, imported }) => {
    expect(FOUND.get(`${file} < ${imported}`) ?? '').not.toContain('noRestrictedImports')
  })

  test.each(CIRCLES)('a circle of $kind in $folder is refused', ({ one, other }) => {
    expect([FOUND.get(one), FOUND.get(other)].join()).toContain('noImportCycles')
  })

  test.each(OTHERS)('$what is refused', ({ file, rule }) => {
    expect(FOUND.get(file)).toContain(rule)
  })
})

function readImportRules(): ImportRule[] {
  const { overrides } = JSON.parse(readFileSync(join(ROOT, 'biome.json'), 'utf8')) as {
    overrides: {
      includes: string[]
      linter: {
        rules: { style?: { noRestrictedImports?: { options: { patterns: { group: string[]; message: string }[] } } } }
      }
    }[]
  }
  return overrides.flatMap(({ includes, linter: { rules } }) => {
    const patterns = rules.style?.noRestrictedImports?.options.patterns ?? []
    const files = includes.filter((glob) => !glob.startsWith('!')).map((glob) => glob.replace(/\*\*$|\*(?=\.ts$)/, 'x'))
    return files.flatMap((file) =>
      patterns.flatMap(({ group, message }) =>
        group.map((pattern) => ({ file: file.endsWith('.ts') ? file : `${file}.ts`, pattern, message })),
      ),
    )
  })
}

/** An import that the pattern is about. */
function exampleOf(pattern: string): string {
  if (pattern === '**') return 'node:fs'
  return pattern
    .replace(/^\*\*\//, '../')
    .replace(/\*\*$/, 'x.ts')
    .replaceAll('*', 'x')
}

function importing(path: string): string {
  return `import { x } from '${path}'\n\nexport const y = x\n`
}

function importingType(path: string): string {
  return `import type { x } from '${path}'\n\nexport const y: x = 1\n`
}

/**
 * Plants everything above in a folder, under this repository's rules, and lints it once.
 *
 * @returns what the linter says of each file, and of each import as `file < import`
 */
function lint(): Map<string, string> {
  const sources = new Map<string, string>()
  for (const { file, imported } of [...REFUSED, ...ALLOWED]) {
    const statement = `import '${imported}'\n`
    const before = sources.get(file) ?? ''
    if (!before.includes(statement)) sources.set(file, before + statement)
  }
  for (const { one, other, statement } of CIRCLES) {
    sources.set(one, statement(`./${other.split('/').at(-1)}`)).set(other, statement(`./${one.split('/').at(-1)}`))
  }
  for (const { file, source } of OTHERS) sources.set(file, source)

  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'weapp-auth-lint-')))
  try {
    copyFileSync(join(ROOT, 'biome.json'), join(folder, 'biome.json'))
    for (const [file, source] of sources) {
      mkdirSync(dirname(join(folder, file)), { recursive: true })
      writeFileSync(join(folder, file), source)
    }
    const biome = join(ROOT, 'node_modules', '.bin', 'biome')
    const args = ['lint', '--reporter=github', '--max-diagnostics=none', '--vcs-enabled=false', '.']
    const { stdout } = spawnSync(biome, args, { cwd: folder, encoding: 'utf8' })
    const found = new Map<string, string>()
    const add = (key: string, said: string) => found.set(key, `${found.get(key) ?? ''}${said}\n`)
    const reports = stdout.matchAll(/^::error title=([^,]+),file=([^,]+),line=(\d+),.*?::(.*)$/gm)
    for (const [, rule, path = '', line, said] of reports) {
      const file = relative(folder, path)
      const statement = sources.get(file)?.split('\n')[Number(line) - 1]
      add(file, `${rule}: ${said}`)
      add(`${file} < ${/'([^']+)'/.exec(statement ?? '')?.[1]}`, `${rule}: ${said}`)
    }
    return found
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
