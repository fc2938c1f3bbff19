import { constants, copyFileSync, existsSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { openSqliteUsers, reasonOf } from '@weapp-auth/fastify'
import { sql } from 'kysely'
import type { Config } from '../../config.ts'
import { makeFolder } from '../../make-folder.ts'
import { copyUsers } from '../../upkeep/copy-users.ts'
import { bodyOf } from '../answer.ts'
import { readConfig } from '../config.ts'
import { createProgress } from '../progress.ts'
import { findRunningService } from '../running-service.ts'
import { type Command, EXIT, WrongUseError } from '../terminal.ts'
import { copyAvatars } from './copy-avatars.ts'
import { FILES, writeManifest } from './manifest.ts'

/** Options of `weapp-auth backup`. */
export interface BackupOptions {
  /** False: the key ring is left out, because it is kept in another place. */
  keys: boolean
  json?: boolean
}

/** What was backed up. */
interface Report {
  folder: string
  /** ISO 8601. */
  madeAt: string
  users: number
  avatars: number
  keyRing: boolean
}

/**
 * Makes a backup of embedded users while the service runs, or does not: users, pictures and the key ring that opens what is sealed. It
 * is written under another name and gets its own when it is whole.
 *
 * @param folder made here; nothing may be there
 */
export async function backUp(command: Command, folder: string, { keys, json }: BackupOptions): Promise<number> {
  const { say, stdout, stderr } = command
  const config = readConfig(command)
  refuseOthers(config, command)
  const target = resolve(folder)
  if (existsSync(target) && !isEmptyFolder(target)) {
    throw new WrongUseError(
      say(`${target} is there already: name a new folder`, `${target} 已经存在：请换一个新的文件夹`),
    )
  }
  const unfinished = `${target}.unfinished`
  const progress = createProgress(stderr)
  let report: Report
  try {
    rmSync(unfinished, { recursive: true, force: true })
    makeFolder(unfinished, 0o700)
    const madeAt = new Date().toISOString()
    const copyPictures = () =>
      config.avatarS3Url
        ? 0
        : copyAvatars(join(config.dataDir, 'avatars'), join(unfinished, FILES.avatars), (copied) =>
            progress.show(() => say(`${copied} pictures copied`, `已复制 ${copied} 张头像`)),
          )
    // The pictures first, and those that came meanwhile again: then no profile in the copy shows a picture that is not there.
    const first = await copyPictures()
    await moveCopyOfUsers(config, join(unfinished, FILES.users), command)
    const avatars = first + (await copyPictures())
    const users = await countUsers(join(unfinished, FILES.users))
    const ring = join(config.dataDir, FILES.keys)
    const keyRing = keys && config.sessionKeyKeys === null && existsSync(ring)
    if (keyRing) copyFileSync(ring, join(unfinished, FILES.keys))
    writeManifest(unfinished, { format: 1, madeAt, users, avatars })
    // An empty folder gives way.
    renameSync(unfinished, target)
    report = { folder: target, madeAt, users, avatars, keyRing }
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true })
    throw explain(error, target, command)
  } finally {
    progress.end()
  }
  stdout.write(json ? `${JSON.stringify(report)}\n` : describe(report, config, command))
  return EXIT.done
}

function refuseOthers({ databaseUrl, emulator, dataDir }: Config, { say }: Command): void {
  if (databaseUrl) {
    throw new WrongUseError(
      say(
        'the users are in a database of DATABASE_URL: its own tool backs it up, as docs/backup.md shows',
        '用户在 DATABASE_URL 的数据库里：请用数据库自己的工具备份，见 docs/backup.zh-CN.md',
      ),
    )
  }
  if (emulator) {
    throw new WrongUseError(say('the demonstration needs no backup', '演示数据不需要备份'))
  }
  // Otherwise a DATA_DIR that is mistyped gives a backup of nothing.
  if (!existsSync(join(dataDir, FILES.users))) {
    throw new Error(
      say(
        `there are no users in DATA_DIR ${resolve(dataDir)}: give this command the environment of the service`,
        `DATA_DIR ${resolve(dataDir)} 里没有用户：请使用和服务相同的环境变量`,
      ),
    )
  }
}

/** The service that has the users open copies them; where none runs, this process does, and migrates nothing. */
async function moveCopyOfUsers(config: Config, to: string, command: Command): Promise<void> {
  const send = await findRunningService(config)
  const name = send ? copiedBy(bodyOf(await send('POST', '/upkeep/users/copy')), command) : await copyHere(config)
  const from = join(config.dataDir, name)
  try {
    // Not renamed: a backup is often on another disk. Where the file system can share blocks, this takes no room.
    copyFileSync(from, to, constants.COPYFILE_FICLONE)
  } finally {
    rmSync(from)
  }
}

function copiedBy({ file, failed }: Record<string, unknown>, { say }: Command): string {
  if (typeof file === 'string') return file
  throw new Error(say(`the service could not copy the users: ${failed}`, `服务无法复制用户库：${failed}`))
}

async function copyHere({ dataDir }: Config): Promise<string> {
  const db = openSqliteUsers(join(dataDir, FILES.users))
  try {
    return await copyUsers(db, dataDir)
  } finally {
    await db.destroy()
  }
}

/** Also shows that the copy can be read. */
async function countUsers(file: string): Promise<number> {
  const db = openSqliteUsers(file)
  try {
    const { rows } = await sql<{ n: number }>`select count(*) as n from weapp_auth_users`.execute(db)
    return Number(rows[0]?.n)
  } finally {
    await db.destroy()
  }
}

function isEmptyFolder(path: string): boolean {
  try {
    return readdirSync(path).length === 0
  } catch {
    return false
  }
}

/** What went wrong, in words; by then nothing of the backup is there. */
function explain(error: unknown, target: string, { say }: Command): Error {
  const { code, path } = error as NodeJS.ErrnoException
  if (path?.startsWith(target)) {
    return new Error(say(`${target} cannot be written (${code})`, `无法写入 ${target}（${code}）`), { cause: error })
  }
  const reason = reasonOf(error)
  return new Error(say(`the backup was not made: ${reason}`, `没有备份：${reason}`), { cause: error })
}

function describe({ folder, users, avatars, keyRing }: Report, config: Config, { say }: Command): string {
  const lines = [
    say(`${folder}: ${users} users, ${avatars} pictures`, `${folder}：${users} 个用户，${avatars} 张头像`),
    keyRing
      ? say(
          `the key ring is in ${FILES.keys}: move it to another place, because whoever has both can read phone numbers`,
          `密钥环在 ${FILES.keys} 中：请移到别处保存，因为同时拿到两者的人可以读出手机号`,
        )
      : say(
          'the key ring is not in it: without the ring that the service has now, phone numbers in it cannot be read',
          '其中没有密钥环：没有服务现在使用的密钥环，就无法读出里面的手机号',
        ),
    config.avatarS3Url !== null && say('pictures are in the bucket, and are not copied', '头像在对象存储里，没有复制'),
  ]
  return lines.flatMap((line) => (line ? [`${line}\n`] : [])).join('')
}
