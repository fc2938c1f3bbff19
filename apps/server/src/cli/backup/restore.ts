import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import {
  type AvatarStore,
  checkKeyRing,
  createFolderAvatarStore,
  createSessionKeyVault,
  createSqlEventStore,
  createSqlUserStore,
  migrateUsers,
  openSqliteUsers,
  type RestoreSupport,
  reasonOf,
  type UsersDatabase,
} from '@weapp-auth/fastify'
import { type Kysely, sql } from 'kysely'
import type { Config } from '../../config.ts'
import { prepareDataDir } from '../../data-dir.ts'
import { openAvatarStore } from '../../stores.ts'
import { readConfig } from '../config.ts'
import { openSessions } from '../open-sessions.ts'
import { openUsers } from '../open-users.ts'
import { createProgress } from '../progress.ts'
import { findRunningService } from '../running-service.ts'
import { type Command, createWarn, EXIT, WrongUseError } from '../terminal.ts'
import { copyAvatars } from './copy-avatars.ts'
import { eraseAgain, readErasedFiles } from './erased.ts'
import { FILES, readManifest } from './manifest.ts'
import { holdUsers, putInPlace } from './put-in-place.ts'

/** Options of `weapp-auth restore`. */
export interface RestoreOptions {
  /** Files with users who were erased, besides those that the session store knows. */
  erased: readonly string[]
  yes?: boolean
  json?: boolean
}

/** What a restore did. */
interface Report {
  /** Users who came back with the backup and were erased again. */
  erasedAgain: number
  /** Where the data are that were there before; null: there were none, or the database had them. */
  replaced: string | null
}

/**
 * Puts a backup in the place of embedded users; of users in a database, does what its own tool has left to do. Users who were erased
 * since are erased again, and all sessions end, because some may be of users who are not there any more.
 *
 * Everything is prepared beside the data, and put in its place at the very end. Stopped at any time it can be started again.
 */
export async function restore(command: Command, folder: string | undefined, o: RestoreOptions): Promise<number> {
  const { say, stdout } = command
  const config = readConfig(command)
  if (config.emulator) throw new WrongUseError(say('the demonstration needs no backup', '演示数据不需要备份'))
  const noted = readErasedFiles(o.erased, command)
  const work = config.databaseUrl
    ? prepareDatabase(config, folder, o, command)
    : prepareEmbedded(config, folder, o, command)
  if (await findRunningService(config)) {
    throw new Error(say('the service is running: stop it first', '服务正在运行：请先停止它'))
  }
  try {
    const report = await withSessions(config, command, async (support) => {
      for (const userId of noted) await support.noteErased(userId, Date.now())
      return work(support)
    })
    stdout.write(o.json ? `${JSON.stringify(report)}\n` : describe(report, command))
    return EXIT.done
  } catch (error) {
    const reason = reasonOf(error)
    throw new Error(
      say(
        `the restore has not come to its end, and can be run again: ${reason}`,
        `恢复没有完成，可以再次运行：${reason}`,
      ),
      { cause: error },
    )
  }
}

async function withSessions<T>(
  config: Config,
  command: Command,
  work: (support: RestoreSupport) => Promise<T>,
): Promise<T> {
  const { store, close } = await openSessions(config, command)
  try {
    if (!store.restore) throw new Error('this session store knows nothing of erased users')
    return await work(store.restore)
  } finally {
    await close()
  }
}

type Work = (support: RestoreSupport) => Promise<Report>

/** The database was restored already, by its own tool. */
function prepareDatabase(config: Config, folder: string | undefined, { yes }: RestoreOptions, command: Command): Work {
  const { say } = command
  if (folder !== undefined) {
    throw new WrongUseError(
      say(
        'the users are in a database of DATABASE_URL: restore it by its own tool, as docs/backup.md shows, then run this without a folder',
        '用户在 DATABASE_URL 的数据库里：请先用数据库自己的工具恢复（见 docs/backup.zh-CN.md），再运行本命令，不带文件夹',
      ),
    )
  }
  if (!yes) {
    throw new WrongUseError(
      say(
        'this ends the sessions of everybody, for after the database was restored: say --yes if that is so',
        '这会结束所有人的会话，只应在数据库恢复之后使用：确定请加上 --yes',
      ),
    )
  }
  return async (support) => {
    const { db, close } = await openUsers(config, command)
    try {
      const ring = config.sessionKeyKeys ?? ''
      const avatars = await openAvatarStore(config)
      const erasedAgain = await eraseFrom(db, { ring, avatars, support, config, command })
      await support.endAll()
      return { erasedAgain, replaced: null }
    } finally {
      await close()
    }
  }
}

function prepareEmbedded(config: Config, folder: string | undefined, { yes }: RestoreOptions, command: Command): Work {
  const { say } = command
  if (folder === undefined) {
    throw new WrongUseError(say('name the folder of the backup', '请指定备份所在的文件夹'))
  }
  const from = resolve(folder)
  const { users, avatars, madeAt } = readManifest(from, command)
  const { dataDir } = config
  if (existsSync(join(dataDir, FILES.users)) && !yes) {
    throw new WrongUseError(
      say(
        `the users in ${resolve(dataDir)} give way to ${users} users and ${avatars} pictures of ${madeAt}: say --yes if that is wanted`,
        `${resolve(dataDir)} 中的用户会被 ${madeAt} 的 ${users} 个用户和 ${avatars} 张头像替换：确定请加上 --yes`,
      ),
    )
  }
  return async (support) => {
    // On a new machine with sessions in Redis this folder does not exist yet.
    if (!existsSync(dataDir)) prepareDataDir(dataDir, createWarn(command))
    const held = holdUsers(dataDir)
    const staged = join(dataDir, 'restore.unfinished')
    try {
      rmSync(staged, { recursive: true, force: true })
      mkdirSync(staged, { mode: 0o700 })
      const ring = stageRing(config, from, staged, command)
      copyFileSync(join(from, FILES.users), join(staged, FILES.users))
      const pictures = await stageAvatars(config, from, staged, command)
      const db = openSqliteUsers(join(staged, FILES.users))
      let erasedAgain: number
      try {
        await refuseDamaged(db, join(from, FILES.users), command)
        await migrateUsers(db, 'real')
        erasedAgain = await eraseFrom(db, { ring, avatars: pictures, support, config, command })
      } finally {
        await db.destroy()
      }
      await support.endAll()
      await held?.destroy()
      return { erasedAgain, replaced: putInPlace(dataDir, staged) }
    } catch (error) {
      rmSync(staged, { recursive: true, force: true })
      await held?.destroy()
      throw error
    }
  }
}

/** The ring that the service will have: of the environment, of the backup, or the one that is there. None is made here. */
function stageRing({ sessionKeyKeys, dataDir }: Config, from: string, staged: string, { say }: Command): string {
  if (sessionKeyKeys) return sessionKeyKeys
  const [own, there] = [join(from, FILES.keys), join(dataDir, FILES.keys)]
  if (existsSync(own)) copyFileSync(own, join(staged, FILES.keys))
  else if (!existsSync(there)) {
    throw new Error(
      say(
        `the backup holds no key ring: put the file ${FILES.keys} that belongs to it into ${resolve(dataDir)} or ${from}, or set SESSION_KEY_KEYS`,
        `备份里没有密钥环：请把对应的 ${FILES.keys} 文件放进 ${resolve(dataDir)} 或 ${from}，或设置 SESSION_KEY_KEYS`,
      ),
    )
  }
  return readFileSync(existsSync(own) ? own : there, 'utf8')
}

async function stageAvatars(config: Config, from: string, staged: string, command: Command): Promise<AvatarStore> {
  if (config.avatarS3Url) return openAvatarStore(config)
  const { say, stderr } = command
  const progress = createProgress(stderr)
  const folder = join(staged, FILES.avatars)
  mkdirSync(folder, { mode: 0o700 })
  try {
    await copyAvatars(join(from, FILES.avatars), folder, (copied) =>
      progress.show(() => say(`${copied} pictures copied`, `已复制 ${copied} 张头像`)),
    )
  } finally {
    progress.end()
  }
  return createFolderAvatarStore({ folder })
}

async function refuseDamaged(db: Kysely<UsersDatabase>, file: string, { say }: Command): Promise<void> {
  const { rows } = await sql<{ integrity_check: string }>`pragma integrity_check(1)`.execute(db)
  if (rows[0]?.integrity_check === 'ok') return
  throw new Error(say(`${file} is damaged: use another backup`, `${file} 已损坏：请使用其他备份`))
}

/** @throws UnusableDatabaseError when the ring is not the one that sealed */
async function eraseFrom(
  db: Kysely<UsersDatabase>,
  o: { ring: string; avatars: AvatarStore; support: RestoreSupport; config: Config; command: Command },
): Promise<number> {
  const { ring, avatars, support, config, command } = o
  const vault = createSessionKeyVault({ keys: ring })
  await checkKeyRing({ db, vault, nowMs: Date.now(), warn: createWarn(command) })
  const events = createSqlEventStore({ db, deliver: config.eventHook !== null })
  return eraseAgain(support.listErased, { users: createSqlUserStore({ db, vault, events }), avatars })
}

function describe({ erasedAgain, replaced }: Report, { say }: Command): string {
  const lines = [
    say(
      `the users are restored; ${erasedAgain} who were erased since are erased again; all sessions have ended`,
      `用户已恢复；其中 ${erasedAgain} 个在备份之后注销的用户已再次注销；所有会话已结束`,
    ),
    replaced !== null &&
      say(
        `what was there before is in ${replaced}: delete it when all is well, because it holds data of people`,
        `原来的数据在 ${replaced}：确认无误后请删除，里面有个人信息`,
      ),
  ]
  return lines.flatMap((line) => (line ? [`${line}\n`] : [])).join('')
}
