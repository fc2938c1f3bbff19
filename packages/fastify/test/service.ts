import { createWorld, startWechat, type World } from '@weapp-auth/emulator'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import { onTestFinished } from 'vitest'
import {
  createSessionKeyVault,
  createSqliteSessionStore,
  createSqlUserStore,
  generateVaultKey,
  migrateUsers,
  openSqliteUsers,
  type SessionStore,
  type UserStore,
  type WeappAuthOptions,
  weappAuth,
} from '../src/index.ts'

export interface Service {
  app: FastifyInstance
  /** The WeChat that the service talks to over TCP; its app is `APPID`. */
  world: World
  wechatBaseUrl: string
  sessions: SessionStore
  users: UserStore
  /** Moves the service's clock on. */
  advance(ms: number): void
  /** Signs somebody in and hands back the token. */
  signIn(user?: string): Promise<SignedIn>
}

export interface SignedIn {
  token: string
  userId: string
  sessionId: string
  headers: { authorization: string }
}

export const APPID = 'wx0123456789abcdef'
/** A second mini-program of the same service, which the emulated WeChat does not know. */
export const OTHER_APPID = 'wx-of-the-host'
export const APP_SECRET = 'canary-app-secret-+/='

export interface ServiceOptions extends Partial<WeappAuthOptions> {
  server?: FastifyServerOptions
  /** Registers the host application's own routes and handlers, before (`early`) and after the plugin. */
  early?: (app: FastifyInstance) => void
  host?: (app: FastifyInstance) => void
}

/** The plugin in a fresh application with fresh stores; nothing is shared between two of them. */
export async function startService({ server, early, host, ...options }: ServiceOptions = {}): Promise<Service> {
  const world = createWorld({ apps: [{ appid: APPID, secret: APP_SECRET }] })
  const wechat = await startWechat(world)
  onTestFinished(() => wechat.close())
  const sessions = options.sessions ?? openSessions()
  const users = options.users ?? (await openUsers())
  let aheadMs = 0
  const app = Fastify(server)
  onTestFinished(() => app.close())
  early?.(app)
  await app.register(weappAuth, {
    apps: [
      { appid: APPID, secrets: [APP_SECRET] },
      { appid: OTHER_APPID, secrets: ['unused'] },
    ],
    wechatApiBaseUrl: wechat.baseUrl,
    now: () => Date.now() + aheadMs,
    ...options,
    sessions,
    users,
  })
  host?.(app)
  await app.ready()
  return {
    app,
    world,
    wechatBaseUrl: wechat.baseUrl,
    sessions,
    users,
    advance: (ms) => {
      aheadMs += ms
    },
    async signIn(user = 'alice') {
      const { code } = world.login(user, APPID)
      const answer = await app.inject({ method: 'POST', url: '/v1/sessions', payload: { appid: APPID, code } })
      if (answer.statusCode !== 201) throw new Error(`sign-in failed: ${answer.body}`)
      const { token, user: signedIn, session } = answer.json()
      return {
        token,
        userId: signedIn.id,
        sessionId: session.id,
        headers: { authorization: `Bearer ${token}` },
      }
    },
  }
}

function openSessions(): SessionStore {
  const store = createSqliteSessionStore({ file: ':memory:' })
  onTestFinished(() => store.close())
  return store
}

async function openUsers(): Promise<UserStore> {
  const db = openSqliteUsers(':memory:')
  onTestFinished(() => db.destroy())
  await migrateUsers(db)
  return createSqlUserStore({ db, vault: createSessionKeyVault({ keys: generateVaultKey() }) })
}
