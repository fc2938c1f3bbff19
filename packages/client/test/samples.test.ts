import { execFile } from 'node:child_process'
import { copyFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const CLIENT = join(import.meta.dirname, '..')
const TYPESCRIPT = dirname(createRequire(import.meta.url).resolve('typescript/package.json'))

const OPTIONS = {
  strict: true,
  noEmit: true,
  target: 'es2020',
  lib: ['es2020'],
  types: ['miniprogram-api-typings'],
  module: 'esnext',
  moduleResolution: 'bundler',
  skipLibCheck: true,
}

// The Chinese samples are the same, which another test sees to.
test('every sample of README and guide compiles as it stands', { timeout: 60_000 }, async () => {
  // In the package, so that it finds what the package finds.
  const folder = join(CLIENT, 'node_modules', '.cache', `samples-${process.pid}`)
  mkdirSync(folder, { recursive: true })
  try {
    copyFileSync(join(CLIENT, 'test/samples/around.d.ts'), join(folder, 'around.d.ts'))
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: OPTIONS, include: ['.'] }))
    const samples = ['README.md', 'docs/guide.md'].flatMap((file) => [
      ...readFileSync(join(CLIENT, file), 'utf8').matchAll(/```ts\n([\s\S]*?)```/g),
    ])
    expect(samples.length).toBeGreaterThan(15)
    samples.forEach(([, code = ''], n) => {
      // The first is `auth.ts`, which the second imports.
      writeFileSync(join(folder, n === 0 ? 'auth.ts' : `sample-${n}.ts`), `${code}\nexport {}\n`)
    })
    const tsc = join(TYPESCRIPT, 'bin', 'tsc')
    const { code = 0, stdout } = await promisify(execFile)(process.execPath, [tsc, '-p', folder]).catch(
      (error) => error,
    )
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
