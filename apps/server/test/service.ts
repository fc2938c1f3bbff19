import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAuth } from '@weapp-auth/client'
import {
  createDevice,
  createWorld,
  type Device,
  localLink,
  startWechat,
  type WechatServer,
  type World,
} from '@weapp-auth/emulator'
import type {} from '@weapp-auth/test-servers'
import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { expect, inject, onTestFinished, vi } from 'vitest'
import { type AppDeps, buildApp } from '../src/app.ts'
import { parseConfig } from '../src/config.ts'
import { openStores, type Stores } from '../src/stores.ts'
import { copyMigratedDatabase, createDatabase } from './sql.ts'

/** The two columns of the store table: one process on embedded files, or any number on Redis and PostgreSQL. */
export const COLUMNS = ['embedded', 'shared'] as const
export type Column = (typeof COLUMNS)[number]

export interface Service {
  world: World
  /** The world's HTTP side. */
  wechat: WechatServer
  app: FastifyInstance
  baseUrl: string
  /** Ends the service as its process does: the application, then its stores. */
  close(): Promise<void>
}

/**
 * The real service on real HTTP, with WeChat emulated on the other side of a real connection.
 *
 * @param watch puts other stores in the place of those that were opened
 */
export async function startService(
  column: Column | Record<string, string>,
  routes: (app: FastifyInstance) => unknown = () => {},
  { refusesWhenBusy = false, ...deps }: Partial<AppDeps> & { refusesWhenBusy?: boolean } = {},
  watch: (stores: Stores) => Stores = (stores) => stores,
): Promise<Service> {
  const world = createWorld()
  const wechat = await startWechat(world)
  const { log = pino({ level: 'silent' }) } = deps
  const env = typeof column === 'string' ? await environment(column, undefined, copyMigratedDatabase) : column
  const config = parseConfig({ ...env, WECHAT_EMULATOR: 'on' })
  const stores = watch(await openStores(config, log))
  const app = await buildApp({
    ...config,
    ...stores,
    apps: world.apps.map(({ appid, secret }) => ({ appid, secrets: [secret] })),
    wechatApiBaseUrl: wechat.baseUrl,
    now: () => world.clock.now(),
    log,
    // A busy machine is not what a test is about, unless it says so.
    ...(!refusesWhenBusy && { maxEventLoopDelayMs: 0 }),
    ...deps,
  })
  await routes(app)
  const baseUrl = await app.listen({ host: '127.0.0.1', port: 0 })
  await vi.waitFor(async () => expect((await app.inject('/readyz')).statusCode).toBe(200), 15_000)
  let closed: Promise<void> | undefined
  const close = () => {
    closed ??= app.close().then(() => stores.close())
    return closed
  }
  onTestFinished(async () => {
    // No request follows, so nothing has to wait for one: a service that stops keeps idle connections for a second.
    app.server.closeIdleConnections()
    await close()
    await wechat.close()
  })
  return { world, wechat, app, baseUrl, close }
}

/** The variables that choose a column, with a folder or a database of this test's own. */
export async function environment(
  column: Column,
  sqlUrl = inject('databaseUrl') ?? '',
  makeDatabase = createDatabase,
): Promise<Record<string, string>> {
  const dataDir = mkdtempSync(join(tmpdir(), 'weapp-auth-test-'))
  onTestFinished(() => rmSync(dataDir, { recursive: true, force: true }))
  if (column === 'embedded') return { DATA_DIR: dataDir }
  return {
    DATA_DIR: dataDir,
    REDIS_URL: inject('redisUrl') ?? '',
    DATABASE_URL: await makeDatabase(sqlUrl),
    SESSION_KEY_KEYS: `k1:${randomBytes(32).toString('base64')}`,
  }
}

/** Whether this column's servers are there; the global set-up has said so loudly when they are not. */
export function isAvailable(column: Column): boolean {
  return column === 'embedded' || (inject('redisUrl') !== null && inject('databaseUrl') !== null)
}

/** A phone with the real client on it. */
export function createAuthOnPhone({ world, baseUrl }: Service, user = 'alice', name = 'phone') {
  const device: Device = createDevice({ link: localLink(world), appid: world.apps[0]?.appid ?? '', user, name })
  return { device, auth: createAuth({ baseUrl, wx: device.wx, now: device.clock.now }) }
}
