import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, copyFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { findFreePort } from '@weapp-auth/test-servers'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { call, signIn, startProcess } from './process.ts'
import { environment } from './service.ts'

const ROOT = join(import.meta.dirname, '../../..')
const UNPRIVILEGED_UID = 65_534

describe('docs/deploy/Dockerfile', () => {
  test('the steps of the Dockerfile, run as a script, make a service that needs no rights', {
    timeout: 400_000,
  }, async () => {
    const image = readDockerfile()
    const temp = mkdtempSync(join(tmpdir(), 'weapp-auth-image-'))
    onTestFinished(() => rmSync(temp, { recursive: true, force: true }))
    const [source, app, data] = ['src', 'app', 'data'].map((name) => join(temp, name)) as [string, string, string]
    copyRepository(source)
    for (const step of image.buildSteps) {
      const command = step.replaceAll('/app', app)
      const { status, stderr } = spawnSync('sh', ['-c', command], { cwd: source, encoding: 'utf8' })
      expect([command, status, status === 0 ? '' : stderr]).toEqual([command, 0, ''])
    }

    // The image's own user may read the application and write its data.
    const user = process.getuid?.() === 0 ? { uid: UNPRIVILEGED_UID, gid: UNPRIVILEGED_UID } : {}
    execFileSync('chmod', ['-R', 'a+rX,go-w', temp])
    mkdirSync(data)
    if (user.uid) chownSync(data, user.uid, user.uid)
    const node = join(temp, 'node')
    copyFileSync(process.execPath, node)

    const env = {
      ...image.env,
      HOST: '127.0.0.1',
      PORT: String(await findFreePort()),
      DATA_DIR: data,
      WECHAT_EMULATOR: 'on',
      PATH: `${temp}:${process.env.PATH}`,
    }
    const [, ...args] = image.command
    const child = spawn(node, args, { cwd: app, env, stdio: ['ignore', 'pipe', 'pipe'], ...user })
    onTestFinished(() => void child.kill('SIGKILL'))
    let printed = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        printed += chunk.toString()
      })
    }
    const isHealthy = () => spawnSync(node, image.healthcheck.slice(1), { env }).status === 0
    await vi.waitFor(() => expect([isHealthy(), printed]).toEqual([true, printed]), { timeout: 15_000, interval: 200 })

    const address = `http://127.0.0.1:${env.PORT}`
    const { token } = await signIn(address, 'alice')
    expect((await call(`${address}/v1/me`, { token })).status).toBe(200)
    child.kill('SIGTERM')
    expect(await once(child, 'exit')).toEqual([0, null])
    expect(isHealthy()).toBe(false)
  })
})

describe('docs/deploy/weapp-auth.service', () => {
  test('systemd-analyze finds little to take away from weapp-auth.service', () => {
    const file = join(ROOT, 'docs/deploy/weapp-auth.service')
    const printed = execFileSync('systemd-analyze', ['security', '--offline=true', '--no-pager', file], {
      encoding: 'utf8',
    })
    const exposure = /Overall exposure level for weapp-auth\.service: ([\d.]+)/.exec(printed)?.[1]
    expect(Number(exposure)).toBeLessThanOrEqual(1.3)
    for (const name of ['README.md', 'README.zh-CN.md']) {
      expect(readFileSync(join(ROOT, 'docs/deploy', name), 'utf8')).toContain(
        `systemd-analyze security\`${name === 'README.md' ? ': ' : '：'}${exposure}`,
      )
    }
  })
})

describe('backup and restore', () => {
  test('a copy of DATA_DIR, made while the service was stopped, holds everything', async () => {
    const env = await environment('embedded')
    const first = startProcess({ ...env, WECHAT_EMULATOR: 'on' })
    const { token, userId } = await signIn(await first.address, 'alice')
    first.child.kill('SIGTERM')
    expect(await first.ended).toBe(0)

    const copy = `${env.DATA_DIR}-copy`
    onTestFinished(() => rmSync(copy, { recursive: true, force: true }))
    cpSync(env.DATA_DIR ?? '', copy, { recursive: true })
    const second = startProcess({ ...env, DATA_DIR: copy, WECHAT_EMULATOR: 'on' })
    expect(await call(`${await second.address}/v1/me`, { token })).toMatchObject({
      status: 200,
      data: { user: { id: userId } },
    })
  })
})

/** What a build sends to Docker: the files of the repository, without those that .dockerignore names. */
function copyRepository(target: string): void {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], {
    cwd: ROOT,
    encoding: 'utf8',
  })
  for (const file of listed.split('\0').filter((name) => name !== '')) {
    mkdirSync(dirname(join(target, file)), { recursive: true })
    copyFileSync(join(ROOT, file), join(target, file))
  }
}

function readDockerfile() {
  const text = readFileSync(join(ROOT, 'docs/deploy/Dockerfile'), 'utf8').replaceAll('\\\n', ' ')
  const [, build = '', last = ''] = text.split(/^FROM .*$/m)
  const commandOf = (instruction: string) =>
    JSON.parse(new RegExp(`^${instruction} .*?(\\[.*\\])$`, 'm').exec(last)?.[1] ?? '')
  const env = [...(/^ENV (.*)$/m.exec(last)?.[1]?.matchAll(/(\w+)=(\S+)/g) ?? [])].map(([, name, value]) => [
    name,
    value,
  ])
  return {
    buildSteps: [...build.matchAll(/^RUN (.*)$/gm)].map(([, step = '']) => step),
    healthcheck: commandOf('HEALTHCHECK') as string[],
    command: commandOf('CMD') as string[],
    env: Object.fromEntries(env) as Record<string, string>,
  }
}
