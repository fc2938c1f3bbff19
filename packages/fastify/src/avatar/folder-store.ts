import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { guardStore } from '../store-failure.ts'
import type { AvatarStore } from './avatar-store.ts'
import { AVATAR_NAME } from './names.ts'

/** So many hex digits of a name choose its folder: there are 4 096, and of a million pictures each has 250. */
const SHARD_DIGITS = 3

/**
 * Pictures in a folder of this machine. Several processes may share it.
 *
 * @param o.folder made with the first picture when it is missing
 */
export function createFolderAvatarStore({ folder }: { folder: string }): AvatarStore {
  const guard = guardStore('the folder of avatars')
  const shardOf = (name: string) => join(folder, name.slice(0, SHARD_DIGITS))

  return {
    put: guard(async (name, jpeg) => {
      const shard = shardOf(name)
      const unfinished = join(shard, `${name}.unfinished`)
      await mkdir(shard, { recursive: true })
      try {
        await writeFile(unfinished, jpeg, { flush: true })
        await rename(unfinished, join(shard, name))
      } catch (error) {
        // A full disk may have kept a part of the picture.
        await rm(unfinished).catch(() => {})
        throw error
      }
    }),

    find: guard((name) => readFile(join(shardOf(name), name)).catch(nullWhenMissing)),

    remove: guard((name) => rm(join(shardOf(name), name), { force: true })),

    list: guard(async (owner) => {
      const shard = shardOf(owner)
      const names = (await readdir(shard).catch(nullWhenMissing)) ?? []
      const own = names.filter((name) => name.startsWith(owner) && AVATAR_NAME.test(name))
      const found = await Promise.all(
        own.map(async (name) => {
          const file = await stat(join(shard, name)).catch(nullWhenMissing)
          return file && { name, keptAtMs: file.mtimeMs }
        }),
      )
      return found.filter((picture) => picture !== null)
    }),
  }
}

function nullWhenMissing(error: unknown): null {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
  throw error
}
