import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ROOT } from '../root.ts'

/** Vitest runs it anew for each test file. */
const SETUP_FILES = ['packages/test-servers/src/restore-globals.ts']

test('no file that tests import adds hooks while it is imported: test files share it, and only the first would have them', () => {
  const files = globSync('{packages,apps}/*/test/**/*.ts', { cwd: ROOT, exclude: ['**/*.test.ts'] })
  const shared = [...files, ...globSync('packages/{test-servers/src,fastify/src/testing}/**/*.ts', { cwd: ROOT })]
  expect(shared.length).toBeGreaterThan(50)
  const adding = shared.filter((file) => /^(before|after)(Each|All)\(/m.test(readFileSync(join(ROOT, file), 'utf8')))
  expect(adding).toEqual(SETUP_FILES)
})
