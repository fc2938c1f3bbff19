import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { buildServerWhenStale, findUndeclared } from '../build.ts'

describe('the bundled service', () => {
  test('the bundled service is made anew when a file that went into it is newer or gone, and otherwise stays', async () => {
    const target = join(mkdtempSync(join(tmpdir(), 'weapp-auth-bundle-')), 'bundle')
    onTestFinished(() => rmSync(join(target, '..'), { recursive: true, force: true }))
    const inputs = join(target, 'inputs.json')
    const build = async () => {
      await buildServerWhenStale(target)
      return { madeAtMs: statSync(inputs).mtimeMs, ...JSON.parse(readFileSync(inputs, 'utf8')) }
    }
    const first = await build()
    expect(await build()).toEqual(first)
    writeFileSync(inputs, JSON.stringify({ ...first, beganAtMs: 0 }))
    const second = await build()
    expect(second.beganAtMs).toBeGreaterThan(first.beganAtMs)
    writeFileSync(inputs, JSON.stringify({ ...second, files: [...second.files, 'src/removed.ts'] }))
    expect((await build()).beganAtMs).toBeGreaterThan(second.beganAtMs)
  })

  test('the bundled service imports nothing that is no dependency of the service', () => {
    const paths = ['pg', '@fastify/redis', 'undici/lib/x.js', 'sharp', 'node:fs', 'crypto']
    const outputs = { 'main.js': { imports: paths.map((path) => ({ path, external: true })) } } as never
    const manifest = { dependencies: { pg: '1', '@fastify/redis': '1' }, optionalDependencies: { sharp: '1' } }
    expect(findUndeclared({ outputs }, manifest)).toEqual(['undici'])
  })
})
