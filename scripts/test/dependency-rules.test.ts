import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { ROOT } from '../root.ts'

/** A rule that resolves nothing stays silent for ever, so each one is shown a violation. */
describe('dependency rules', () => {
  test.each([
    ['packages/shared/src/x.ts', '@weapp-auth/client', 'shared imports nothing'],
    ['packages/shared/src/x.ts', 'node:fs', 'shared imports nothing'],
    ['packages/client/src/x.ts', '@weapp-auth/fastify', 'the client imports shared and itself'],
    ['packages/client/src/x.ts', 'node:crypto', 'the client imports shared and itself'],
    ['packages/client/src/x.ts', '../test/x.ts', 'src never imports test'],
    ['packages/client/src/contract.ts', './session.ts', 'the public types stand on the ground'],
    ['packages/client/src/wx-api.ts', './wx.ts', 'the public types stand on the ground'],
    ['packages/fastify/src/x.ts', '@weapp-auth/client', 'the server side never imports the client'],
    ['packages/fastify/src/x.ts', '@weapp-auth/emulator', 'only the demonstration'],
    ['packages/fastify/src/http/x.ts', '../sessions/redis-store.ts', 'never a concrete store'],
    ['packages/fastify/src/http/routes/x.ts', '../../sessions/sqlite-store.ts', 'never a concrete store'],
    ['packages/fastify/src/http/routes/x.ts', '../../users/sql-users.ts', 'never a concrete store'],
    ['packages/fastify/src/http/x.ts', '@weapp-auth/emulator', 'only the demonstration'],
    ['packages/fastify/src/wechat/x.ts', '../users/users.ts', 'wechat/ imports'],
    ['packages/fastify/src/sessions/x.ts', '../wechat/gateway.ts', 'sessions/ imports'],
    ['packages/fastify/src/users/x.ts', '../sessions/sessions.ts', 'users/ imports'],
    ['packages/fastify/src/users/migrations/x.ts', '../../http/problems.ts', 'users/ imports'],
    ['packages/emulator/src/x.ts', '@weapp-auth/client', 'the emulator imports shared at most'],
    ['packages/emulator/src/host/x.ts', '@weapp-auth/fastify', 'the emulator imports shared at most'],
    ['apps/server/src/app.ts', './stores.ts', 'app.ts is given its stores'],
    ['apps/server/src/app.ts', '@weapp-auth/emulator', 'only the demonstration'],
    ['apps/server/src/stores.ts', './main.ts', 'nobody imports it'],
    ['apps/server/src/demo.ts', '@weapp-auth/emulator', 'only the demonstration'],
    ['apps/server/src/stores.ts', '@weapp-auth/client', 'the server side never imports the client'],
    ['apps/server/src/stores.ts', '../test/x.ts', 'src never imports test'],
    ['apps/miniprogram/src/x.ts', '@weapp-auth/shared', 'public API alone'],
  ])('%s must not import %s', (file, imported, message) => {
    expect(lint(file, importing(imported))).toContain(message)
  })

  test.each([
    ['packages/client/src/x.ts', '@weapp-auth/shared'],
    ['packages/client/src/x.ts', './session.ts'],
    ['packages/fastify/src/plugin.ts', './sessions/sqlite-store.ts'],
    ['packages/fastify/src/http/routes/x.ts', '../../sessions/sessions.ts'],
    ['packages/fastify/src/users/x.ts', './sql-users.ts'],
    ['packages/fastify/src/wechat/x.ts', '../api-error.ts'],
    ['packages/emulator/src/wx/x.ts', '@weapp-auth/shared'],
    ['apps/server/src/emulation.ts', '@weapp-auth/emulator'],
    ['apps/miniprogram/src/pages/index/x.ts', '../../auth.ts'],
    ['apps/miniprogram/src/x.ts', '@weapp-auth/client'],
  ])('%s may import %s', (file, imported) => {
    expect(lint(file, importing(imported))).not.toContain('noRestrictedImports')
  })

  test('a floating promise is refused', () => {
    const source = 'async function later(): Promise<void> {}\nexport function now(): void {\n  later()\n}\n'
    expect(lint('packages/client/src/x.ts', source)).toContain('noFloatingPromises')
  })

  test.each([
    'packages/shared/src',
    'packages/client/src',
    'packages/fastify/src',
    'packages/fastify/src/sessions',
    'packages/emulator/src/wx',
    'apps/server/src',
    'apps/miniprogram/src',
  ])('a circle of imports in %s is refused, also one of types only', (folder) => {
    const types = (path: string) => `import type { x } from '${path}'\n\nexport const y: x = 1\n`
    for (const circle of [importing, types]) {
      const others = { [`${folder}/y.ts`]: circle('./x.ts') }
      expect(lint(`${folder}/x.ts`, circle('./y.ts'), others)).toContain('noImportCycles')
    }
  })
})

function importing(path: string): string {
  return `import { x } from '${path}'\n\nexport const y = x\n`
}

/** What the linter says of `source` standing in `file`: planted in a folder of its own, under this repository's rules. */
function lint(file: string, source: string, others: Record<string, string> = {}): string {
  const folder = mkdtempSync(join(tmpdir(), 'weapp-auth-lint-'))
  try {
    copyFileSync(join(ROOT, 'biome.json'), join(folder, 'biome.json'))
    for (const [path, text] of Object.entries({ ...others, [file]: source })) {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(join(folder, path), text)
    }
    const biome = join(ROOT, 'node_modules', '.bin', 'biome')
    const { stdout, stderr } = spawnSync(biome, ['lint', '--colors=off', '--vcs-enabled=false', file], {
      cwd: folder,
      encoding: 'utf8',
    })
    return stdout + stderr
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
