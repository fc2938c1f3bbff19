// The sign-in of the usual tutorials: Express, pg or mysql2, ioredis, axios. No code is claimed, the user is looked up and
// then written, and the session in Redis is JSON with openid and session_key in it, found by a random id.
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Redis } from 'ioredis'
import pg from 'pg'
import { requirePeer } from '../peers.ts'
import { serve } from '../target.ts'

const { WECHAT_APPID, WECHAT_SECRET, WECHAT_API_BASE_URL, REDIS_URL = '', DATABASE_URL = '' } = process.env
const SESSION_SECONDS = 7_200

interface User {
  id: number
  openid: string
  nickname: string | null
}

type Query = (sql: string, values: readonly unknown[]) => Promise<User[]>

const isMysql = DATABASE_URL.startsWith('mysql')
const query = isMysql ? openMysql() : openPostgres()
await query(
  `create table users (id ${isMysql ? 'bigint auto_increment' : 'bigserial'} primary key, openid varchar(64) unique,
   session_key varchar(64), nickname varchar(64))`,
  [],
)
const redis = new Redis(REDIS_URL)
const axios = requirePeer('axios')
const express = requirePeer('express')
const app = express()
app.use(express.json())
app.post('/v1/sessions', async (request: { body: { code: string } }, response: Response) => {
  const { data } = await axios.get(`${WECHAT_API_BASE_URL}/sns/jscode2session`, {
    params: {
      appid: WECHAT_APPID,
      secret: WECHAT_SECRET,
      js_code: request.body.code,
      grant_type: 'authorization_code',
    },
  })
  if (data.errcode) return response.status(400).json({ message: data.errmsg })
  const { openid, session_key: sessionKey } = data
  const found = await findUser(openid)
  if (found) await query(sql('update users set session_key = ? where id = ?'), [sessionKey, found.id])
  else await query(sql('insert into users (openid, session_key) values (?, ?)'), [openid, sessionKey])
  const user = found ?? (await findUser(openid))
  const token = randomBytes(32).toString('hex')
  const session = JSON.stringify({ userId: user?.id, openid, sessionKey })
  await redis.set(`tutorial:${token}`, session, 'EX', SESSION_SECONDS)
  response.status(201).json({ token, user })
})

interface Response {
  status(code: number): Response
  json(body: unknown): void
}

const server = app.listen(0, '127.0.0.1')
await once(server, 'listening')
serve({ url: `http://127.0.0.1:${server.address().port}`, users: [] })

async function findUser(openid: string): Promise<User | undefined> {
  return (await query(sql('select id, openid, nickname from users where openid = ?'), [openid]))[0]
}

/** Placeholders as PostgreSQL writes them, where it is one. */
function sql(text: string): string {
  let index = 0
  return isMysql ? text : text.replace(/\?/g, () => `$${++index}`)
}

function openPostgres(): Query {
  const pool = new pg.Pool({ connectionString: DATABASE_URL })
  return async (text, values) => (await pool.query(text, [...values])).rows
}

function openMysql(): Query {
  const pool = requirePeer('mysql2/promise').createPool({ uri: DATABASE_URL })
  return async (text, values) => (await pool.query(text, values))[0]
}
