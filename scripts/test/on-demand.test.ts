import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { installOnDemand } from '../on-demand.ts'
import { ROOT } from '../root.ts'

test('a tool that is there in another version is installed again, and otherwise nothing is', () => {
  const name = `on-demand-test-${process.pid}`
  const folder = join(ROOT, '.cache', name)
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  // An npm that installs what it is asked for, and writes down that it was.
  const npm = join(folder, 'bin', 'npm')
  mkdirSync(join(folder, 'bin'), { recursive: true })
  writeFileSync(
    npm,
    `#!/bin/sh
for last; do :; done
echo "$last" >> "${folder}/asked"
mkdir -p "$3/node_modules/tool" && echo "{\\"version\\":\\"\${last#*@}\\"}" > "$3/node_modules/tool/package.json"
`,
    { mode: 0o755 },
  )
  vi.stubEnv('PATH', `${join(folder, 'bin')}:${process.env.PATH}`)
  onTestFinished(() => void vi.unstubAllEnvs())
  const asked = () => {
    const file = join(folder, 'asked')
    const isThere = existsSync(file)
    rmSync(file, { force: true })
    return isThere
  }
  installOnDemand(name, { tool: '1.0.0' })
  expect(asked()).toBe(true)
  installOnDemand(name, { tool: '1.0.0' })
  expect(asked()).toBe(false)
  installOnDemand(name, { tool: '1.0.1' })
  expect(asked()).toBe(true)
})
