// A Fastify with one route and, where they are configured, ioredis and pg, connected: what the memory and the start of the
// service are compared with. No TypeScript, because Node's compiler of it would take memory of its own.
import { createRequire } from 'node:module'

const { FASTIFY, REDIS_URL, DATABASE_URL } = process.env
if (REDIS_URL) {
  const [{ Redis }, { default: pg }] = await Promise.all([import('ioredis'), import('pg')])
  const redis = new Redis(REDIS_URL)
  const pool = new pg.Pool({ connectionString: DATABASE_URL })
  await Promise.all([redis.ping(), pool.query('select 1')])
}
process.on('SIGTERM', () => process.exit(0))
const app = createRequire(import.meta.url)(FASTIFY)()
app.get('/', async () => ({ ok: true }))
console.error(`on ${await app.listen({ host: '127.0.0.1', port: 0 })}`)
