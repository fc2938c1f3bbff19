// Measures how fast users come in from a CSV file, and how much memory that takes. See README.md.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { finished } from 'node:stream/promises'
import { pathToFileURL } from 'node:url'
import { parseArgs } from 'node:util'
import { generateVaultKey } from '@weapp-auth/fastify'
import { startMariaDb, startPostgres } from '@weapp-auth/test-servers'
import { createConnection } from 'mysql2/promise'

const { values: options } = parseArgs({
  options: {
    rows: { type: 'string', default: '100000' },
    engines: { type: 'string', default: 'SQLite,PostgreSQL,MariaDB' },
    out: { type: 'string', default: join(import.meta.dirname, 'results') },
  },
})
const rows = Number(options.rows)

/** A database that is empty. */
interface Engine {
  env: Record<string, string>
  stop(): Promise<void>
}

const ENGINES: Record<string, () => Promise<Engine>> = {
  SQLite: async () => ({ env: {}, stop: async () => {} }),
  PostgreSQL: async () => {
    const { url, stop } = await startPostgres(['fsync=on'])
    return { env: { DATABASE_URL: url }, stop }
  },
  MariaDB: async () => {
    const { url, stop } = await startMariaDb({ settings: ['innodb-flush-log-at-trx-commit=1'] })
    const admin = await createConnection(url)
    await admin.query('create database weapp_auth_bench')
    await admin.end()
    return { env: { DATABASE_URL: `${url}/weapp_auth_bench` }, stop }
  },
}

interface Measured {
  engine: string
  /** Into an empty database. */
  rowsPerSecond: number
  /** The same file once more: every line is done already. */
  againPerSecond: number
  peakMegabytes: number
}

const dir = mkdtempSync(join(tmpdir(), 'weapp-auth-bench-'))
try {
  const file = join(dir, 'users.csv')
  await writeUsers(file)
  const megabytes = statSync(file).size / 1e6
  const measured: Measured[] = []
  for (const engine of options.engines.split(',')) {
    const { env, stop } = await (ENGINES[engine] as () => Promise<Engine>)()
    const all = { ...env, DATA_DIR: join(dir, engine), WECHAT_APPID: 'wx1', WECHAT_SECRET: 's' }
    try {
      const ring = { SESSION_KEY_KEYS: generateVaultKey() }
      const first = await importOnce(file, { ...all, ...ring }, 'made')
      const again = await importOnce(file, { ...all, ...ring }, 'done')
      measured.push({
        engine,
        rowsPerSecond: rows / first.seconds,
        againPerSecond: rows / again.seconds,
        peakMegabytes: Math.max(first.peakMegabytes, again.peakMegabytes),
      })
    } finally {
      await stop()
    }
  }
  const table = toTable(measured, megabytes)
  mkdirSync(options.out, { recursive: true })
  const report = { measuredAt: new Date().toISOString(), cpu: cpus()[0]?.model, rows, megabytes, measured }
  writeFileSync(join(options.out, 'import.json'), `${JSON.stringify(report, null, 2)}\n`)
  writeFileSync(join(options.out, 'import.md'), table)
  process.stdout.write(`\n${table}\n${options.out}\n`)
} finally {
  rmSync(dir, { recursive: true, force: true })
}

/** Each line has all columns. */
async function writeUsers(path: string): Promise<void> {
  const file = createWriteStream(path)
  file.write('external_id,appid,openid,unionid,phone,nickname,avatar_url,created_at\n')
  for (let n = 0; n < rows; n++) {
    const id = String(n).padStart(9, '0')
    const line = `${n},wx1,oGZUI0egBJY1zhBYw${id},o6_bmasdasdsad6_2sgV${id},13${id},小明${n},https://pics.example.com/${id}.jpg,2024-05-01 12:30:00\n`
    if (!file.write(line)) await once(file, 'drain')
  }
  file.end()
  await finished(file)
}

/** Runs the command as an operator does. */
async function importOnce(
  file: string,
  env: Record<string, string>,
  expected: string,
): Promise<{ seconds: number; peakMegabytes: number }> {
  const main = pathToFileURL(join(import.meta.dirname, '../dist/cli/main.js')).href
  const script = `process.on('exit', () => process.stderr.write(String(process.resourceUsage().maxRSS)))
    process.argv.splice(1, 1, 'weapp-auth')
    await import(${JSON.stringify(main)})`
  const startedAtMs = performance.now()
  const child = spawn(
    process.execPath,
    ['--input-type=module', '-e', script, '-', 'import', file, '--json', '--lang', 'en'],
    { env: { ...env, PATH: process.env.PATH ?? '' }, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  let out = ''
  let err = ''
  child.stdout.on('data', (chunk) => {
    out += chunk
  })
  child.stderr.on('data', (chunk) => {
    err += chunk
  })
  const [code] = await once(child, 'close')
  const seconds = (performance.now() - startedAtMs) / 1000
  if (code !== 0 || JSON.parse(out)[expected] !== rows) throw new Error(`the import ended with ${code}: ${out}${err}`)
  // Linux and macOS through Node: kilobytes.
  return { seconds, peakMegabytes: Number(/\d+$/.exec(err)?.[0]) / 1024 }
}

function toTable(measured: readonly Measured[], megabytes: number): string {
  const lines = measured.map(
    ({ engine, rowsPerSecond, againPerSecond, peakMegabytes }) =>
      `| ${engine} | ${Math.round(rowsPerSecond)} | ${Math.round(againPerSecond)} | ${Math.round(peakMegabytes)} MB |`,
  )
  const head = `| ${rows} lines, ${Math.round(megabytes)} MB | lines a second | again, all done | most memory |`
  return `${[head, '| --- | ---: | ---: | ---: |', ...lines].join('\n')}\n`
}
