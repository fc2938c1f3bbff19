// A sign-in on @fastify/session, kept in Redis by connect-redis as both document it, with `fetch` and pg.
import pg from 'pg'
import { requirePeer } from '../peers.ts'
import { serve } from '../target.ts'

const { WECHAT_APPID = '', WECHAT_SECRET = '', WECHAT_API_BASE_URL, REDIS_URL, DATABASE_URL = '' } = process.env

const pool = new pg.Pool({ connectionString: DATABASE_URL })
await pool.query('create table users (id bigserial primary key, openid text unique, session_key text, nickname text)')
const { createClient } = requirePeer('redis')
const { RedisStore } = requirePeer('connect-redis')
const client = await createClient({ url: REDIS_URL }).connect()
const app = requirePeer('fastify')()
app.register(requirePeer('@fastify/cookie'))
app.register(requirePeer('@fastify/session'), {
  secret: 'a secret with at least 32 characters',
  saveUninitialized: false,
  cookie: { secure: false, maxAge: 7_200_000 },
  store: new RedisStore({ client, prefix: 'fastify-session:' }),
})

interface SignIn {
  body: { code: string }
  session: { userId?: number; sessionKey?: string }
}

app.post('/v1/sessions', async ({ body, session }: SignIn, reply: { code(status: number): void }) => {
  const query = new URLSearchParams({
    appid: WECHAT_APPID,
    secret: WECHAT_SECRET,
    js_code: body.code,
    grant_type: 'authorization_code',
  })
  const response = await fetch(`${WECHAT_API_BASE_URL}/sns/jscode2session?${query}`)
  const answer = (await response.json()) as { errcode?: number; errmsg?: string; openid: string; session_key: string }
  if (answer.errcode) {
    reply.code(400)
    return { message: answer.errmsg }
  }
  const { rows } = await pool.query(
    `insert into users (openid, session_key) values ($1, $2)
     on conflict (openid) do update set session_key = excluded.session_key returning id, openid, nickname`,
    [answer.openid, answer.session_key],
  )
  session.userId = rows[0].id
  session.sessionKey = answer.session_key
  reply.code(201)
  return { user: rows[0] }
})
serve({ url: await app.listen({ port: 0, host: '127.0.0.1' }), users: [] })
