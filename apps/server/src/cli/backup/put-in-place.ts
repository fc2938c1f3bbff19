import { copyFileSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { openSqliteUsers, type UsersDatabase } from '@weapp-auth/fastify'
import type { Kysely } from 'kysely'
import { FILES } from './manifest.ts'

/**
 * Locks the users, so that no service opens them during the restore. Null: there are none, or they are damaged and cannot be locked.
 *
 * @throws Error when another process has them open
 */
export function holdUsers(dataDir: string): Kysely<UsersDatabase> | null {
  const file = join(dataDir, FILES.users)
  if (!existsSync(file)) return null
  try {
    return openSqliteUsers(file)
  } catch (error) {
    if ((error as Error).message.includes('in use by another process')) throw error
    return null
  }
}

/**
 * Puts what was prepared in the place of what is there, which goes into a folder of its own. The users come last, by one renaming:
 * killed before it, the old users are there, and this can be done again; with another key ring the service refuses them.
 *
 * @returns the folder; null: nothing was there
 */
export function putInPlace(dataDir: string, staged: string): string | null {
  const aside = join(dataDir, `replaced-${new Date().toISOString().replaceAll(/[:.]/g, '-')}`)
  mkdirSync(aside, { mode: 0o700 })
  const staging = (name: string) => join(staged, name)
  const [there, kept] = [(name: string) => join(dataDir, name), (name: string) => join(aside, name)]
  if (existsSync(there(FILES.users))) copyFileSync(there(FILES.users), kept(FILES.users))
  // A log of the old database must not be read into the new one.
  for (const ending of ['-wal', '-shm']) moveIfThere(there(FILES.users + ending), kept(FILES.users + ending))
  if (existsSync(staging(FILES.avatars))) {
    moveIfThere(there(FILES.avatars), kept(FILES.avatars))
    renameSync(staging(FILES.avatars), there(FILES.avatars))
  }
  if (existsSync(staging(FILES.keys))) {
    if (existsSync(there(FILES.keys))) copyFileSync(there(FILES.keys), kept(FILES.keys))
    renameSync(staging(FILES.keys), there(FILES.keys))
  }
  renameSync(staging(FILES.users), there(FILES.users))
  rmSync(staged, { recursive: true })
  if (readdirSync(aside).length > 0) return aside
  rmSync(aside, { recursive: true })
  return null
}

function moveIfThere(from: string, to: string): void {
  if (existsSync(from)) renameSync(from, to)
}
