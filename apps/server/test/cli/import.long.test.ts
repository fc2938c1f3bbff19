import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, inject, test, vi } from 'vitest'
import { environment } from '../service.ts'
import { connectTo } from '../sql.ts'
import { makeFolder } from './folder.ts'
import { run } from './run.ts'

const MAIN = fileURLToPath(new URL('../../bundle/weapp-auth.js', import.meta.url))
const LINES = 20_000

test.runIf(inject('databaseUrl'))('an import that is killed and started again ends as one that was not', async () => {
  const shared = await environment('shared')
  const env: Record<string, string> = { ...shared, WECHAT_APPID: 'wx1', WECHAT_SECRET: 's' }
  const file = join(makeFolder(), 'users.csv')
  const line = (n: number) => `${n},wx1,o${n},u${n},1380${String(n).padStart(7, '0')},User ${n}`
  // Every thousandth line is another one's number.
  const lines = Array.from({ length: LINES }, (_, n) => (n % 1_000 === 999 ? `${n},,,,13800000000,` : line(n)))
  writeFileSync(file, `external_id,appid,openid,unionid,phone,nickname\n${lines.join('\n')}\n`)
  await run(['migrate'], env)
  const admin = await connectTo(shared.DATABASE_URL ?? '')
  const count = async () => Number((await admin.query('select count(*) as n from weapp_auth_users'))[0]?.n)

  // Somebody else makes this user at the same time, so that the import waits in the middle.
  const other = await connectTo(shared.DATABASE_URL ?? '')
  await other.query(`begin; insert into weapp_auth_users
    (id, created_at, nickname, avatar_url, gender, country, province, city, language, external_id)
    values ('other', 0, '', '', 0, '', '', '', '', '10500')`)
  const child = spawn(process.execPath, [MAIN, 'import', file], { env: { ...process.env, ...env }, stdio: 'ignore' })
  const ended = once(child, 'exit')
  const before = 10_000 - 10
  await vi.waitFor(async () => expect(await count()).toBe(before), { timeout: 60_000, interval: 50 })
  child.kill('SIGKILL')
  await ended
  await other.query('rollback')

  const { code, out } = await run(['import', file, '--json'], env)
  expect({ code, ...JSON.parse(out) }).toMatchObject({ code: 1, made: LINES - 20 - before, done: before, refused: 20 })
  expect(await count()).toBe(LINES - 20)
  const [event, ...others] = await admin.query("select data, caused_by from weapp_auth_events where type = 'imported'")
  expect(others).toEqual([])
  expect(JSON.parse(String(event?.data))).toEqual({ made: LINES - 20 - before, filled: 0, done: before, refused: 20 })
  expect(event?.caused_by).toMatch(/^operator:.+/)
})
