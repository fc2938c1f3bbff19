import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect, test } from 'vitest'

const folder = path.join(import.meta.dirname, '..')

test('the README’s example runs as it is printed', () => {
  const readme = readFileSync(path.join(folder, 'README.md'), 'utf8')
  const example = /```ts\n(.*?)```/s.exec(readme)?.[1]
  if (!example) throw new Error('README.md shows no example')
  // The package itself is not installed anywhere; everything else of the example stays as it is.
  const entry = path.join(folder, 'src/index.ts')
  const temp = mkdtempSync(path.join(tmpdir(), 'readme-'))
  try {
    const file = path.join(temp, 'example.ts')
    writeFileSync(file, example.replace("'@weapp-auth/emulator'", JSON.stringify(entry)))
    const { status, stdout, stderr } = spawnSync(process.execPath, [file], { encoding: 'utf8', timeout: 60_000 })
    expect(status, stderr).toBe(0)
    expect(stdout).toMatch(/openid: 'o[\w-]{27}'/)
  } finally {
    rmSync(temp, { recursive: true })
  }
}, 90_000)
