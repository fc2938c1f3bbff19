// The barest sign-in that is still safe, written for speed: the body checked, the code claimed, one call of WeChat over a
// kept connection, one prepared statement that writes identity and sealed session_key and gives the user, the session
// written, the same answer as ours. No outage is handled, nothing is limited, nothing is logged. `GET /v1/me` is one read of
// the session and one bare prepared SELECT.
import { createCipheriv, createSecretKey, hash, randomBytes, randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Redis } from 'ioredis'
import pg from 'pg'
import { requirePeer } from '../peers.ts'
import { serve } from '../target.ts'

const { WECHAT_APPID = '', WECHAT_SECRET = '', WECHAT_API_BASE_URL = '' } = process.env
const IDLE_SECONDS = 7_200
const ABSOLUTE_SECONDS = 2_592_000
const CLAIM_SECONDS = 600

interface Identity {
  appid: string
  openid: string
  unionid: string | null
  sealedKey: Buffer
}

interface User {
  id: string
  signIns: number
  profile: string
}

interface Stores {
  claim(digest: string): Promise<boolean>
  signIn(identity: Identity): Promise<User>
  saveSession(id: string, record: string): Promise<unknown>
  findSession(id: string): Promise<string | null>
  findUser(userId: string): Promise<User>
}

type SqlStatements = Pick<Stores, 'signIn' | 'findUser'>

const TABLE = (text: string, bytes: string) =>
  `create table identities (appid ${text} not null, openid ${text} not null, unionid ${text}, sealed_key ${bytes} not null,
   user_id ${text} not null, sign_ins integer not null default 1, profile ${text} not null default '{}',
   primary key (appid, openid))`
const INDEX = 'create index identities_of_user on identities (user_id)'
const COLUMNS = '(appid, openid, unionid, sealed_key, user_id)'
const RETURNING = 'returning user_id, sign_ins, profile'
const ON_CONFLICT = `on conflict (appid, openid) do update set unionid = excluded.unionid,
   sealed_key = excluded.sealed_key, sign_ins = identities.sign_ins + 1 ${RETURNING}`

const findUser = (placeholder: string) =>
  `select user_id, sign_ins, profile from identities where user_id = ${placeholder}`

const valuesOf = ({ appid, openid, unionid, sealedKey }: Identity) => [appid, openid, unionid, sealedKey, randomUUID()]
const toUser = (row: Record<string, unknown>): User => ({
  id: String(row.user_id),
  signIns: Number(row.sign_ins),
  profile: String(row.profile),
})

const stores = await openStores()
const key = createSecretKey(randomBytes(32))
const wechat = new (requirePeer('undici').Pool)(WECHAT_API_BASE_URL, { connections: 32, pipelining: 1 })
const app = requirePeer('fastify')()

const text = { type: 'string' }
const SCHEMA = {
  body: {
    type: 'object',
    required: ['appid', 'code'],
    properties: { appid: { type: 'string', maxLength: 64 }, code: { type: 'string', minLength: 1, maxLength: 128 } },
  },
  response: {
    201: {
      type: 'object',
      properties: {
        token: text,
        tokenType: text,
        expiresIn: { type: 'integer' },
        absoluteExpiresIn: { type: 'integer' },
        session: { type: 'object', properties: { id: text, createdAt: text } },
        user: {
          type: 'object',
          properties: { id: text, isNew: { type: 'boolean' }, profile: { type: 'object', additionalProperties: true } },
        },
      },
    },
  },
}

interface SignIn {
  body: { appid: string; code: string }
}

interface Reply {
  code(status: number): Reply
}

app.post('/v1/sessions', { schema: SCHEMA }, async ({ body: { appid, code } }: SignIn, reply: Reply) => {
  const refuse = (status: number, why: string) => {
    reply.code(status)
    return { code: why }
  }
  if (appid !== WECHAT_APPID) return refuse(404, 'appid_unknown')
  if (!(await stores.claim(hash('sha256', `${appid} ${code}`, 'base64url')))) return refuse(409, 'code_used')
  const identity = await exchange(code)
  if (!identity) return refuse(400, 'code_invalid')
  const user = await stores.signIn(identity)
  const token = randomBytes(32).toString('base64url')
  const id = hash('sha256', token, 'base64url')
  const nowMs = Date.now()
  await stores.saveSession(id, JSON.stringify({ userId: user.id, appid, createdAtMs: nowMs, lastSeenMs: nowMs }))
  reply.code(201)
  return {
    token,
    tokenType: 'Bearer',
    expiresIn: IDLE_SECONDS,
    absoluteExpiresIn: ABSOLUTE_SECONDS,
    session: { id, createdAt: new Date(nowMs).toISOString() },
    user: { id: user.id, isNew: user.signIns === 1, profile: JSON.parse(user.profile) },
  }
})

app.get('/v1/me', async ({ headers: { authorization } }: { headers: { authorization: string } }, reply: Reply) => {
  const record = await stores.findSession(hash('sha256', authorization.slice('Bearer '.length), 'base64url'))
  if (record === null) {
    reply.code(401)
    return { code: 'session_invalid' }
  }
  const user = await stores.findUser(JSON.parse(record).userId)
  return { user: { id: user.id, profile: JSON.parse(user.profile) } }
})
serve({ url: await app.listen({ port: 0, host: '127.0.0.1' }), users: [] })

async function exchange(code: string): Promise<Identity | null> {
  const query = new URLSearchParams({
    appid: WECHAT_APPID,
    secret: WECHAT_SECRET,
    js_code: code,
    grant_type: 'authorization_code',
  })
  const { body } = await wechat.request({ method: 'GET', path: `/sns/jscode2session?${query}` })
  const answer = JSON.parse(await body.text())
  if (typeof answer.openid !== 'string' || typeof answer.session_key !== 'string') return null
  const { openid, unionid = null, session_key: sessionKey } = answer
  return { appid: WECHAT_APPID, openid, unionid, sealedKey: seal(sessionKey, `${WECHAT_APPID} ${openid}`) }
}

function seal(sessionKey: string, owner: string): Buffer {
  const iv = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key, iv)
  cipher.setAAD(Buffer.from(owner))
  return Buffer.concat([iv, cipher.update(sessionKey, 'utf8'), cipher.final(), cipher.getAuthTag()])
}

async function openStores(): Promise<Stores> {
  const { REDIS_URL, DATABASE_URL = '', DATA_DIR = '' } = process.env
  if (!REDIS_URL) return openSqlite(join(DATA_DIR, 'barest.sqlite'))
  const redis = new Redis(REDIS_URL, { enableAutoPipelining: true })
  return {
    claim: async (digest) => (await redis.set(`barest:code:${digest}`, '1', 'EX', CLAIM_SECONDS, 'NX')) === 'OK',
    saveSession: (id, record) => redis.set(`barest:${id}`, record, 'EX', IDLE_SECONDS),
    findSession: (id) => redis.get(`barest:${id}`),
    ...(await (DATABASE_URL.startsWith('mysql') ? openMysql(DATABASE_URL) : openPostgres(DATABASE_URL))),
  }
}

async function openPostgres(connectionString: string): Promise<SqlStatements> {
  const pool = new pg.Pool({ connectionString, max: 10 })
  await pool.query(TABLE('text', 'bytea'))
  await pool.query(INDEX)
  const statement = `insert into identities ${COLUMNS} values ($1, $2, $3, $4, $5) ${ON_CONFLICT}`
  const one = async (name: string, text: string, values: unknown[]) =>
    toUser((await pool.query({ name, text, values })).rows[0])
  return {
    signIn: (identity) => one('sign-in', statement, valuesOf(identity)),
    findUser: (userId) => one('find-user', findUser('$1'), [userId]),
  }
}

/** RETURNING is MariaDB's; MySQL would need a second statement. */
async function openMysql(uri: string): Promise<SqlStatements> {
  const pool = requirePeer('mysql2/promise').createPool({ uri, connectionLimit: 10 })
  await pool.query(TABLE('varchar(190)', 'blob'))
  await pool.query(INDEX)
  const statement = `insert into identities ${COLUMNS} values (?, ?, ?, ?, ?) on duplicate key update
    unionid = values(unionid), sealed_key = values(sealed_key), sign_ins = sign_ins + 1 ${RETURNING}`
  const one = async (text: string, values: unknown[]) => toUser((await pool.execute(text, values))[0][0])
  return {
    signIn: (identity) => one(statement, valuesOf(identity)),
    findUser: (userId) => one(findUser('?'), [userId]),
  }
}

function openSqlite(file: string): Stores {
  const db = new DatabaseSync(file)
  db.exec('pragma journal_mode = wal; pragma synchronous = full')
  db.exec(TABLE('text', 'blob'))
  db.exec(INDEX)
  db.exec('create table codes (digest text primary key, until integer not null) without rowid')
  db.exec('create table sessions (id text primary key, record text not null) without rowid')
  const claim = db.prepare('insert or ignore into codes (digest, until) values (?, ?)')
  const save = db.prepare('insert into sessions (id, record) values (?, ?)')
  const find = db.prepare('select record from sessions where id = ?')
  const user = db.prepare(findUser('?'))
  const signIn = db.prepare(`insert into identities ${COLUMNS} values (?, ?, ?, ?, ?) ${ON_CONFLICT}`)
  return {
    claim: async (digest) => claim.run(digest, Date.now() + CLAIM_SECONDS * 1000).changes === 1,
    signIn: async (identity) => toUser(signIn.get(...valuesOf(identity)) as Record<string, unknown>),
    saveSession: async (id, record) => save.run(id, record),
    findSession: async (id) => (find.get(id)?.record as string | undefined) ?? null,
    findUser: async (userId) => toUser(user.get(userId) as Record<string, unknown>),
  }
}
