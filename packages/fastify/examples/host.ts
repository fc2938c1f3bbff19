// What both examples start from: a host application with sign-in by WeChat, and one guarded route of its own.
import {
  authenticate,
  createSessionKeyVault,
  createSqliteSessionStore,
  createSqlUserStore,
  migrateUsers,
  openSqliteUsers,
  problems,
  weappAuth,
} from '@weapp-auth/fastify'
import Fastify, { type FastifyInstance } from 'fastify'

/** Where the mini-program sends its requests from; sessions of the other ways in belong to it too. */
export const APPID = required('WECHAT_APPID')

export async function createHost(): Promise<FastifyInstance> {
  const db = openSqliteUsers('users.sqlite')
  await migrateUsers(db)
  const sessions = createSqliteSessionStore({ file: 'sessions.sqlite' })
  const app = Fastify()
  await app.register(problems)
  await app.register(weappAuth, {
    apps: [{ appid: APPID, secrets: [required('WECHAT_SECRET')] }],
    wechatApiBaseUrl: process.env.WECHAT_API_BASE_URL ?? 'https://api.weixin.qq.com',
    sessions,
    users: createSqlUserStore({ db, vault: createSessionKeyVault({ keys: required('SESSION_KEY_KEYS') }) }),
  })
  app.get('/orders', { onRequest: authenticate }, async ({ auth }) => ({ ordersOf: auth.userId }))
  app.addHook('onClose', async () => {
    await Promise.all([sessions.close(), db.destroy()])
  })
  return app
}

export function required(name: string): string {
  const value = process.env[name]
  if (!value) throw new Error(`set ${name}`)
  return value
}
