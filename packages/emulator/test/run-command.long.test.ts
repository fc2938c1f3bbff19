import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { describe, expect, onTestFinished, test } from 'vitest'
import { appWith, SIGN_IN, startService } from './run-fixtures.ts'

const CLI = fileURLToPath(new URL('../src/cli.ts', import.meta.url))

describe('weapp-emulator run, as a process', () => {
  test('weapp-emulator run prints nothing but JSON on stdout and ends by itself', async () => {
    const { url } = await startService()
    const args = ['run', SIGN_IN, '--service', url]
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [CLI, ...args], { timeout: 30_000 })
    expect(JSON.parse(stdout)).toMatchObject({ ok: true })
    expect(stderr).toContain('signed in? 201')
  })

  test('an unhandled rejection of the app is an error of the run, not the end of the program', async () => {
    const { url } = await startService()
    const args = ['run', SIGN_IN, '--service', url, '--path', 'pages/home/home?mood=rejects']
    const failed = await promisify(execFile)(process.execPath, [CLI, ...args], { timeout: 30_000 }).catch((e) => e)
    expect(failed).toMatchObject({ code: 1 })
    expect(JSON.parse(failed.stdout)).toMatchObject({ ok: false, errors: ['Error: worse mood'] })
  })
})

describe('the process the app runs in', () => {
  test('the process an app runs in reads the folder, and no file, process or variable besides', async () => {
    const outside = mkdtempSync(join(tmpdir(), 'weapp-emulator-outside-'))
    onTestFinished(() => rmSync(outside, { recursive: true }))
    writeFileSync(join(outside, 'secret.js'), 'module.exports = "secret"')
    const folder = appWith({})
    // What code that has escaped from the world of the app would try.
    const probe = join(folder, 'probe.mjs')
    writeFileSync(
      probe,
      `import { readFileSync } from 'node:fs'
       import { spawnSync } from 'node:child_process'
       const attempt = (run) => { try { run(); return 'done' } catch (error) { return error.code } }
       console.log(JSON.stringify({
         outside: attempt(() => readFileSync(${JSON.stringify(join(outside, 'secret.js'))})),
         folder: attempt(() => readFileSync(${JSON.stringify(join(folder, 'app.json'))})),
         process: attempt(() => spawnSync('true')),
         variables: Object.keys(process.env),
       }))`,
    )
    const confine = new URL('../src/confine.ts', import.meta.url).href
    const source = `const { runConfined } = await import(${JSON.stringify(confine)})
      process.exitCode = await runConfined(${JSON.stringify(probe)}, [], ${JSON.stringify(folder)})`
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', source], {
      env: { ...process.env, SECRET: 'secret' },
    })
    expect(JSON.parse(stdout)).toEqual({
      outside: 'ERR_ACCESS_DENIED',
      folder: 'done',
      process: 'ERR_ACCESS_DENIED',
      variables: ['TMPDIR'],
    })
  })

  test('a link that leads out of the folder is not followed', async () => {
    const { url } = await startService()
    const outside = mkdtempSync(join(tmpdir(), 'weapp-emulator-outside-'))
    onTestFinished(() => rmSync(outside, { recursive: true }))
    writeFileSync(join(outside, 'secret.js'), 'module.exports = "secret"')
    const folder = appWith({ 'pages/home/home.js': "console.log(require('./linked')); Page({})" })
    symlinkSync(join(outside, 'secret.js'), join(folder, 'pages/home/linked.js'))
    const args = ['run', folder, '--service', url]
    const failed = await promisify(execFile)(process.execPath, [CLI, ...args], { timeout: 30_000 }).catch((e) => e)
    expect(JSON.parse(failed.stdout).errors).toEqual([expect.stringContaining("linked.js' is not defined")])
    expect(failed.stderr).not.toContain('secret\n')
  })
})
