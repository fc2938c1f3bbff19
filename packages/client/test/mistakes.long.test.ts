import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'

const CLIENT = join(import.meta.dirname, '..')
const TYPESCRIPT = dirname(createRequire(import.meta.url).resolve('typescript/package.json'))

/** Each is made in a copy of `src`, where the compiler must find it. */
const MISTAKES: readonly (readonly [file: string, right: string, wrong: string])[] = [
  ['auth.ts', "uploadFile: authenticated('uploadFile')", "uploadFile: authenticated('downloadFile')"],
  ['auth.ts', "downloadFile: authenticated('downloadFile')", "downloadFile: authenticated('request')"],
  ['auth.ts', "request: authenticated('request') as", "request: authenticated('uploadFile') as"],
  ['auth.ts', '({ statusCode }: Answer)', '({ statuscode }: Answer)'],
  ['auth.ts', 'response.statusCode >= 300', 'response.status >= 300'],
  ['pipeline.ts', 'answer.statusCode >= 500', 'answer.statuscode >= 500'],
  ['pipeline.ts', '!!answer.statusCode', '!!answer.status'],
  ['service.ts', 'const { data } = response as', 'const { body } = response as'],
  ['session.ts', "verdict.says === 'no route'", "verdict.says === 'no-route'"],
  ['pipeline.ts', '{ setTask, setOpen }', '{ setTask }'],
  ['service.ts', 'response.data)) return response.data', 'response.data)) return response'],
  ['service.ts', 'const statusCode = Number(response.statusCode)', 'const statusCode = Number(response.statuscode)'],
  ['wx.ts', "call('getStorage', { key, encrypt })", "call('removeStorage', { key, encrypt })"],
  ['wx.ts', "call('setStorage', { key, data, encrypt })", "call('setStorage', { key, encrypt })"],
  ['wx.ts', '.then(({ data }) => data)', '.then(({ value }) => value)'],
  ['wx.ts', 'const { code, fromCache }', 'const { token: code, fromCache }'],
  ['session.ts', 'void state.change({ active })', "void state.change({ active, signedOut: 'expired' })"],
  ['session.ts', "logoutBecause('signed_out')", "logoutBecause('signedOut')"],
  ['session.ts', "deps.tell('loginFail', error,", "deps.tell('logout', error,"],
  ['socket.ts', "emit('message', event)", "emit('close', event)"],
  ['socket.ts', "emit('open', event)", "emit('opened', event)"],
  ['task.ts', 'onStart(started)', 'onStart()'],
]

test('each of these mistakes fails to compile', { timeout: 120_000 }, () => {
  const folder = join(CLIENT, 'node_modules', '.cache', `mistakes-${process.pid}`)
  mkdirSync(folder, { recursive: true })
  try {
    cpSync(join(CLIENT, 'src'), join(folder, 'right'), { recursive: true })
    MISTAKES.forEach(([file, right, wrong], n) => {
      const source = readFileSync(join(CLIENT, 'src', file), 'utf8')
      expect(source).toContain(right)
      cpSync(join(CLIENT, 'src'), join(folder, `mistake-${n}`), { recursive: true })
      writeFileSync(join(folder, `mistake-${n}`, file), source.replace(right, wrong))
    })
    const { compilerOptions } = JSON.parse(readFileSync(join(CLIENT, 'tsconfig.json'), 'utf8')) as {
      compilerOptions: object
    }
    const config = {
      extends: join(CLIENT, '..', '..', 'tsconfig.base.json'),
      compilerOptions: { ...compilerOptions, rootDir: '.', noEmit: true, composite: false, incremental: false },
      include: ['.'],
    }
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config))
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }))
    const tsc = join(TYPESCRIPT, 'bin', 'tsc')
    const { stdout, error } = spawnSync(process.execPath, [tsc, '-p', '.', '--pretty', 'false'], {
      cwd: folder,
      encoding: 'utf8',
    })
    expect(error).toBeUndefined()
    const found = new Set([...stdout.matchAll(/^(right|mistake-\d+)\//gm)].map(([, name]) => name))
    expect(found.has('right'), stdout).toBe(false)
    expect(MISTAKES.filter((_, n) => !found.has(`mistake-${n}`))).toEqual([])
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
