import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'

const PACKAGES = join(import.meta.dirname, '../..')
const ROOT = join(PACKAGES, '..')
/** What a project that installs the package has beside it. No ioredis: it is an optional peer. */
const INSTALLED = ['fastify', 'fastify-plugin', 'kysely', 'ajv', 'typebox', '@fastify/rate-limit']

const PROGRAM = `
import Fastify from 'fastify'
import { authenticate, createRedisSessionStore, type RedisClient, weappAuth, type WeappAuthOptions } from '@weapp-auth/fastify'

export function build(redis: RedisClient, options: Omit<WeappAuthOptions, 'sessions'>) {
  const app = Fastify()
  app.register(weappAuth, { ...options, sessions: createRedisSessionStore({ redis }) })
  app.get('/orders', { onRequest: authenticate }, async ({ auth }) => ({ ordersOf: auth.userId }))
  return app
}
`

it('the packed package compiles in a project without ioredis, declarations included', { timeout: 300_000 }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'weapp-auth-packed-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const modules = join(folder, 'node_modules')
  for (const name of ['shared', 'fastify']) {
    const target = join(modules, '@weapp-auth', name)
    mkdirSync(target, { recursive: true })
    execFileSync('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: join(PACKAGES, name) })
    const packed = readdirSync(folder).find((file) => file.startsWith(`weapp-auth-${name}-`)) ?? ''
    execFileSync('tar', ['-xzf', join(folder, packed), '--strip-components=1', '-C', target])
  }
  const link = (from: string, name: string) => {
    mkdirSync(dirname(join(modules, name)), { recursive: true })
    symlinkSync(join(from, 'node_modules', name), join(modules, name))
  }
  for (const name of INSTALLED) link(join(PACKAGES, 'fastify'), name)
  link(ROOT, '@types/node')
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(folder, 'index.ts'), PROGRAM)
  writeFileSync(
    join(folder, 'tsconfig.json'),
    '{ "compilerOptions": { "skipLibCheck": false, "noEmit": true, "types": ["node"] } }',
  )
  const compile = () => {
    try {
      return execFileSync(join(ROOT, 'node_modules/.bin/tsc'), ['-p', folder], { encoding: 'utf8' })
    } catch (error) {
      return String((error as { stdout?: unknown }).stdout)
    }
  }
  expect(compile()).toBe('')
  // The compiler is there, and looks at our types.
  writeFileSync(join(folder, 'index.ts'), PROGRAM.replace('auth.userId', 'auth.userld'))
  expect(compile()).toContain("Property 'userld' does not exist on type 'RequestAuth'")
})
