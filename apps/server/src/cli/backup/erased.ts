import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import {
  type AvatarStore,
  type ErasedUser,
  type RestoreSupport,
  removeAvatarsOf,
  type UserStore,
} from '@weapp-auth/fastify'
import type { Config } from '../../config.ts'
import { readConfig } from '../config.ts'
import { openSessions } from '../open-sessions.ts'
import { askForUpkeep } from '../open-upkeep.ts'
import { operator } from '../operator.ts'
import { findRunningService } from '../running-service.ts'
import { type Command, EXIT, WrongUseError } from '../terminal.ts'

const PAGE = 1_000

/** Reads pages of erased users. */
type ListErased = RestoreSupport['listErased']

/** Prints the users who were erased, the newest first: a time and an id on each line, which `restore --erased` reads. */
export async function listErasedUsers(command: Command, { json }: { json?: boolean }): Promise<number> {
  const { stdout } = command
  const { list, close } = await openErased(readConfig(command), command)
  try {
    const lines: { userId: string; at: string }[] = []
    for await (const { userId, atMs } of eachErased(list)) {
      const at = new Date(atMs).toISOString()
      if (json) lines.push({ userId, at })
      else stdout.write(`${at} ${userId}\n`)
    }
    if (json) stdout.write(`${JSON.stringify(lines)}\n`)
  } finally {
    await close()
  }
  return EXIT.done
}

async function openErased(config: Config, command: Command): Promise<{ list: ListErased; close(): Promise<void> }> {
  const send = config.redisUrl ? null : await findRunningService(config)
  if (send) return { list: askForUpkeep(send).listErased, close: async () => {} }
  // Somebody keeps what this prints: a DATA_DIR that is mistyped must not look as if nobody had been erased.
  if (!config.redisUrl && !existsSync(join(config.dataDir, 'sessions.sqlite'))) {
    const { say } = command
    const dir = resolve(config.dataDir)
    throw new Error(
      say(
        `there are no sessions in DATA_DIR ${dir}: give this command the environment of the service`,
        `DATA_DIR ${dir} 里没有会话：请使用和服务相同的环境变量`,
      ),
    )
  }
  const { store, close } = await openSessions(config, command)
  return { list: async (page) => (await store.restore?.listErased(page)) ?? [], close }
}

/** All of them, page by page. */
export async function* eachErased(list: ListErased): AsyncGenerator<ErasedUser> {
  for (let skip = 0; ; skip += PAGE) {
    const page = await list({ skip, limit: PAGE })
    yield* page
    if (page.length < PAGE) return
  }
}

/** Reads files that `weapp-auth users erased` has written. @throws WrongUseError that names the line which is none of them */
export function readErasedFiles(paths: readonly string[], { say }: Pick<Command, 'say'>): string[] {
  return paths.flatMap((path) => {
    const lines = readText(path, say).split(/\r?\n/)
    return lines.flatMap((line, at) => {
      if (line.trim() === '') return []
      const [, id] = /^(?:\d{4}-\S+\s+)?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\s*$/.exec(line) ?? []
      if (id) return [id]
      throw new WrongUseError(
        say(
          `line ${at + 1} of ${path} names no user: each line must be as weapp-auth users erased prints it`,
          `${path} 的第 ${at + 1} 行不是用户 id：每一行都应是 weapp-auth users erased 输出的样子`,
        ),
      )
    })
  })
}

function readText(path: string, say: Command['say']): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    throw new WrongUseError(say(`${path} cannot be read (${code})`, `无法读取 ${path}（${code}）`))
  }
}

/**
 * Erases users again who came back with a backup, with their pictures.
 *
 * @returns how many of them were there
 */
export async function eraseAgain(
  list: ListErased,
  { users, avatars }: { users: UserStore; avatars: Pick<AvatarStore, 'list' | 'remove'> },
): Promise<number> {
  let erased = 0
  for await (const { userId } of eachErased(list)) {
    // The mark first, as in any erasure: the service goes on with one that is cut off here.
    if (!(await users.beginErasure(userId, Date.now(), operator()))) continue
    await removeAvatarsOf(userId, avatars)
    await users.eraseUser(userId)
    erased++
  }
  return erased
}
