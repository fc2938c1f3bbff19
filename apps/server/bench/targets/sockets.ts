// A service with WebSockets, for run-sockets.ts: guarded ones, or the same without guardSocket.
import websocket from '@fastify/websocket'
import {
  authenticate,
  createSessionKeyVault,
  createSqliteSessionStore,
  createSqlUserStore,
  generateVaultKey,
  migrateUsers,
  openSqliteUsers,
  weappAuth,
} from '@weapp-auth/fastify'
import Fastify from 'fastify'

const APPID = 'wx-of-the-benchmark'
const sockets = Number(process.env.SOCKETS)
const socketsPerUser = Number(process.env.SOCKETS_PER_USER)
const isGuarded = process.env.GUARD === 'on'

const db = openSqliteUsers(':memory:')
await migrateUsers(db)
const app = Fastify()
if (!isGuarded) await app.register(websocket)
await app.register(weappAuth, {
  apps: [{ appid: APPID, secrets: ['unused'] }],
  sessions: createSqliteSessionStore({ file: ':memory:' }),
  users: createSqlUserStore({ db, vault: createSessionKeyVault({ keys: generateVaultKey() }) }),
  sessionLimit: 0,
  ...(isGuarded && { sockets: { pingIntervalMs: Number(process.env.PING_MS) } }),
})
app.get('/live', { websocket: true, onRequest: authenticate }, (socket, request) => {
  if (isGuarded) app.weappAuth.guardSocket(socket, request)
})
const userIds: string[] = []
const tokens: string[] = []
while (tokens.length < sockets) {
  const { id } = await app.weappAuth.createUser()
  userIds.push(id)
  for (let i = 0; i < socketsPerUser && tokens.length < sockets; i++) {
    tokens.push((await app.weappAuth.issue(id, { appid: APPID })).token)
  }
}
await app.listen({ host: '127.0.0.1', port: 0 })

process.on('message', async (question) => {
  if (question === 'push')
    for (const userId of userIds) await app.weappAuth.push(userId, '{"order":17,"state":"ready"}')
  if (question === 'revoke') for (const userId of userIds) await app.weappAuth.revokeAll(userId)
  const { user, system } = process.cpuUsage()
  // What nobody holds any more is no memory of a socket.
  for (let i = 0; i < 3; i++) globalThis.gc?.()
  process.send?.({ rssBytes: process.memoryUsage().rss, cpuSeconds: (user + system) / 1e6 })
})
process.send?.({ url: app.listeningOrigin, tokens })
