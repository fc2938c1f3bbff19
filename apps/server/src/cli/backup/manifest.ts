import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod'
import { type Command, WrongUseError } from '../terminal.ts'

const Manifest = z.object({
  format: z.literal(1),
  /** ISO 8601. */
  madeAt: z.string(),
  users: z.number(),
  /** Pictures in `avatars/`. */
  avatars: z.number(),
})

/** What `backup.json` says of the backup that it lies in. It is written last: without it a folder is no backup. */
export type Manifest = z.infer<typeof Manifest>

/** The files of a backup, by their names in its folder. */
export const FILES = {
  manifest: 'backup.json',
  users: 'users.sqlite',
  avatars: 'avatars',
  /** Not there where the ring is in SESSION_KEY_KEYS, or was to be kept elsewhere. */
  keys: 'session-keys',
} as const

export function writeManifest(folder: string, manifest: Manifest): void {
  writeFileSync(join(folder, FILES.manifest), `${JSON.stringify(manifest, null, 2)}\n`, { mode: 0o600 })
}

/** @throws WrongUseError when the folder is no backup */
export function readManifest(folder: string, { say }: Pick<Command, 'say'>): Manifest {
  const file = join(folder, FILES.manifest)
  if (!existsSync(file) || !existsSync(join(folder, FILES.users))) {
    throw new WrongUseError(
      say(
        `${folder} is no backup: it needs ${FILES.manifest} and ${FILES.users}, as weapp-auth backup writes them`,
        `${folder} 不是备份：里面应有 weapp-auth backup 写出的 ${FILES.manifest} 和 ${FILES.users}`,
      ),
    )
  }
  const parsed = Manifest.safeParse(parseJson(readFileSync(file, 'utf8')))
  if (parsed.success) return parsed.data
  throw new WrongUseError(
    say(`${file} is damaged, or was written by a newer version`, `${file} 已损坏，或由更新的版本写出`),
  )
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
