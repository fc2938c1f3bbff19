import { constants, existsSync } from 'node:fs'
import { copyFile, mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'

/**
 * Copies the pictures that are not in `to` yet. The names of pictures are never used twice, so a name that is there is the same
 * picture. One that is removed meanwhile is left out.
 *
 * @param onCopied is called after each picture
 * @returns how many were copied
 */
export async function copyAvatars(from: string, to: string, onCopied: (copied: number) => void): Promise<number> {
  let copied = 0
  for (const shard of existsSync(from) ? await readdir(from) : []) {
    const names = await readdir(join(from, shard)).catch(() => [])
    const pictures = names.filter((name) => name.endsWith('.jpg'))
    if (pictures.length > 0) await mkdir(join(to, shard), { recursive: true, mode: 0o700 })
    for (const name of pictures) {
      if (existsSync(join(to, shard, name))) continue
      if (!(await copyPicture(join(from, shard, name), join(to, shard, name)))) continue
      copied++
      onCopied(copied)
    }
  }
  return copied
}

async function copyPicture(from: string, to: string): Promise<boolean> {
  try {
    // Where the file system can share blocks, the copy takes no room.
    await copyFile(from, to, constants.COPYFILE_FICLONE)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' && !existsSync(from)) return false
    throw error
  }
}
