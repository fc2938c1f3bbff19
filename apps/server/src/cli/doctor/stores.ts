import { existsSync } from 'node:fs'
import { join } from 'node:path'
import {
  compareMigrations,
  createSqlUserStore,
  type MigrationState,
  openSqliteUsers,
  type SessionKeyVault,
  type UserStore,
  type UsersDatabase,
} from '@weapp-auth/fastify'
import { Kysely, sql } from 'kysely'
import type { Config } from '../../config.ts'
import type { Say } from '../../language.ts'
import { findServer, openVault } from '../../stores.ts'
import type { Finding } from './finding.ts'

/** Looks at the users' database and the key ring, and changes nothing. Embedded users must not be open elsewhere. */
export async function checkUsers(config: Config, say: Say): Promise<Finding[]> {
  const about = say('users', '用户库')
  const file = join(config.dataDir, 'users.sqlite')
  if (!config.databaseUrl && !existsSync(file)) {
    return [{ state: 'good', about, what: say(`${file} will be made at the first start`, `首次启动时会创建 ${file}`) }]
  }
  let db: Kysely<UsersDatabase> | null = null
  try {
    db = config.databaseUrl
      ? new Kysely({ dialect: (await findServer(config.databaseUrl)).connectForMigrations(() => {}) })
      : openSqliteUsers(file)
    await sql`select 1`.execute(db)
    const vault = openVault(config)
    const tables = checkTables(await compareMigrations(db), say)
    return [
      { state: 'good', about, what: say('the database answers', '数据库可以访问') },
      tables,
      ...(tables.state === 'good' ? [await checkWrites(createSqlUserStore({ db, vault }), about, say)] : []),
      ...(await checkKeyRing(db, vault, say)),
    ]
  } catch (error) {
    return [
      {
        state: 'bad',
        about,
        // The message of a driver names the server and the user, not the password.
        what: say(`cannot be opened: ${messageOf(error)}`, `无法打开：${messageOf(error)}`),
        fix: config.databaseUrl
          ? say(
              'see that the server runs, and that user, password and database of DATABASE_URL are right',
              '请确认数据库服务在运行，DATABASE_URL 中的用户、密码和库名正确',
            )
          : say(`see who uses ${file}, and its permissions`, `请检查谁在使用 ${file}，以及它的权限`),
      },
    ]
  } finally {
    await db?.destroy()
  }
}

/** Whether these are the tables of this version. */
function checkTables({ missing, newer }: MigrationState, say: Say): Finding {
  const about = say('tables', '表结构')
  if (newer.length > 0) {
    return {
      state: 'bad',
      about,
      what: say(
        `were changed by a newer version of the service (${newer.join(', ')})`,
        `由更新版本的服务修改过（${newer.join('、')}）`,
      ),
      fix: say('start that version, or restore the backup from before it', '请使用那个版本，或恢复升级之前的备份'),
    }
  }
  if (missing.length === 0) return { state: 'good', about, what: say('are those of this version', '与本版本一致') }
  return {
    state: 'warning',
    about,
    what: say(`lack ${missing.join(', ')}`, `缺少 ${missing.join('、')}`),
    fix: say(
      'the service makes them at its start, where its user may; weapp-auth migrate makes them now',
      '服务启动时会创建（数据库用户要有权限）；也可以现在运行 weapp-auth migrate',
    ),
  }
}

/** Writes what the service writes to see the same: nothing that stays. */
async function checkWrites(users: UserStore, about: string, say: Say): Promise<Finding> {
  try {
    await users.ping()
    return { state: 'good', about, what: say('the database takes writes', '数据库可以写入') }
  } catch (error) {
    return {
      state: 'bad',
      about,
      what: say(`the database takes no writes: ${messageOf(error)}`, `数据库不能写入：${messageOf(error)}`),
      fix: say(
        'see that it is no standby, that its disk is not full, and that the user of DATABASE_URL may write to its tables',
        '请确认它不是只读的备库，磁盘没有写满，DATABASE_URL 中的用户有写表的权限',
      ),
    }
  }
}

async function checkKeyRing(db: Kysely<UsersDatabase>, vault: SessionKeyVault, say: Say): Promise<Finding[]> {
  const about = say('key ring', '密钥环')
  const used = await db
    .selectFrom('weapp_auth_keys')
    .select(['kid', 'fingerprint'])
    .execute()
    .catch(() => [])
  const findings: Finding[] = vault.ring.map(({ kid, fingerprint }, at) => {
    const known = used.find((mark) => mark.kid === kid)
    const short = fingerprint.slice(0, 8)
    if (known && known.fingerprint !== fingerprint) {
      return {
        state: 'bad',
        about,
        what: say(
          `${kid} (${short}) is another key than the one of this name that sealed in this database (${known.fingerprint.slice(0, 8)})`,
          `${kid}（${short}）和本库中同名密钥（${known.fingerprint.slice(0, 8)}）不是同一个`,
        ),
        fix: say('put that key back, or give the new one a name of its own', '请放回原来的密钥，或给新密钥换一个名称'),
      }
    }
    return { state: 'good', about, what: `${kid} (${short})${at === 0 ? say(', seals', '，用于加密') : ''}` }
  })
  const missing = used.filter(({ kid }) => vault.ring.every((mark) => mark.kid !== kid)).map(({ kid }) => kid)
  if (missing.length > 0) {
    findings.push({
      state: 'warning',
      about,
      what: say(
        `${missing.join(', ')} sealed in this database and is not in the ring`,
        `${missing.join('、')} 在本库中加密过内容，但不在密钥环里`,
      ),
      fix: say(
        'put it back at the end of the ring, and run weapp-auth keys rotate before it goes',
        '请把它加回密钥环末尾，去掉之前先运行 weapp-auth keys rotate',
      ),
    })
  }
  return findings
}

export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.message || ('code' in error ? String(error.code) : error.name)
}
