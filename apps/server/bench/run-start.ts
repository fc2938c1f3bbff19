// Measures what a start takes: until the service serves, the modules it loads, its memory at rest. See README.md.
import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startPostgres, startRedis } from '@weapp-auth/test-servers'
import { installPeers } from './peers.ts'
import { bareFastify, measureStarts, service, toStartsTable } from './starts.ts'

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '9' },
    out: { type: 'string', default: join(import.meta.dirname, 'results') },
  },
})

installPeers()
const dataDir = mkdtempSync(join(tmpdir(), 'weapp-auth-start-'))
const [redis, postgres] = await Promise.all([startRedis(), startPostgres()])
try {
  const app = { WECHAT_APPID: 'wx0123456789abcdef', WECHAT_SECRET: randomBytes(16).toString('hex') }
  const embedded = { ...app, DATA_DIR: join(dataDir, 'embedded') }
  const shared = {
    ...app,
    DATA_DIR: join(dataDir, 'shared'),
    REDIS_URL: redis.url,
    DATABASE_URL: postgres.url,
    SESSION_KEY_KEYS: `k1:${randomBytes(32).toString('base64')}`,
  }
  const starts = await measureStarts(
    [
      service('nothing configured', embedded),
      service('nothing configured, not bundled', embedded, '../dist/main.js'),
      bareFastify(app),
      service('Redis + PostgreSQL', shared),
      bareFastify(shared),
    ],
    Number(options.rounds),
  )
  const machine = `${cpus().length} x ${cpus()[0]?.model}, Node ${process.version}`
  const lines = toStartsTable('', starts)
  const table = `${[...lines, '', `${machine}; ${options.rounds} rounds, interleaved, medians.`].join('\n')}\n`
  mkdirSync(options.out, { recursive: true })
  writeFileSync(join(options.out, 'start.json'), `${JSON.stringify({ machine, starts }, null, 2)}\n`)
  writeFileSync(join(options.out, 'start.md'), table)
  process.stdout.write(table)
} finally {
  await Promise.all([redis.stop(), postgres.stop()])
  rmSync(dataDir, { recursive: true, force: true })
}
