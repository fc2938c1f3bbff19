import crypto from 'node:crypto'
import { existsSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { migrateUsers, openSqliteUsers } from '@weapp-auth/fastify'
import { expect, onTestFinished, test, vi } from 'vitest'
import { copyUsers } from '../../src/upkeep/copy-users.ts'
import { makeFolder } from '../cli/folder.ts'

async function openUsers() {
  const dataDir = makeFolder()
  const db = openSqliteUsers(join(dataDir, 'users.sqlite'))
  onTestFinished(() => db.destroy())
  await migrateUsers(db, 'real')
  return { dataDir, db }
}

test('a copy of the users lies beside them, and nobody else may read it', async () => {
  const { dataDir, db } = await openUsers()
  const name = await copyUsers(db, dataDir)
  expect(name).toMatch(/^users\.copy-[0-9a-f-]{36}\.sqlite$/)
  expect(statSync(join(dataDir, name)).mode & 0o777).toBe(0o600)
  const copy = openSqliteUsers(join(dataDir, name))
  expect(await copy.selectFrom('weapp_auth_users').select('id').execute()).toEqual([])
  await copy.destroy()
})

test('copies that a killed command left are removed after an hour, and no other file is', async () => {
  const { dataDir, db } = await openUsers()
  const id = '01a21740-f737-7006-a53e-a1747668f658'
  const minutesOld: Record<string, number> = {
    [`users.copy-${id}.sqlite`]: 61,
    [`users.copy-${id}.sqlite-journal`]: 61,
    [`users.copy-${id.replace('0', '1')}.sqlite`]: 59,
    [`my-users.copy-${id}.sqlite`]: 61,
    'users.copy-of-mine.sqlite': 61,
  }
  for (const [name, minutes] of Object.entries(minutesOld)) {
    writeFileSync(join(dataDir, name), '')
    const at = Date.now() / 1000 - minutes * 60
    utimesSync(join(dataDir, name), at, at)
  }
  await copyUsers(db, dataDir)
  const left = Object.keys(minutesOld).filter((name) => existsSync(join(dataDir, name)))
  expect(left).toEqual(Object.keys(minutesOld).slice(2))
})

test('a copy that cannot be made leaves nothing of itself, nor what SQLite puts beside it', async () => {
  const { dataDir, db } = await openUsers()
  const id = '01a21740-f737-7006-a53e-a1747668f658'
  const named = vi.spyOn(crypto, 'randomUUID').mockReturnValue(id)
  syncBuiltinESMExports()
  onTestFinished(() => {
    named.mockRestore()
    syncBuiltinESMExports()
  })
  for (const ending of ['-journal', '-wal']) writeFileSync(join(dataDir, `users.copy-${id}.sqlite${ending}`), '')
  await db.destroy()
  // Once with them and once without: the error is that of the copy.
  for (let i = 0; i < 2; i++) {
    await expect(copyUsers(db, dataDir)).rejects.not.toMatchObject({ code: 'ENOENT' })
    expect(readdirSync(dataDir).filter((name) => name.includes('copy'))).toEqual([])
  }
})
