import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type AccessTokenStore,
  type AvatarStore,
  type AvatarsOptions,
  checkKeyRing,
  createFolderAvatarStore,
  createOutageLog,
  createRedisAccessTokenStore,
  createRedisSessionStore,
  createS3AvatarStore,
  createSessionKeyVault,
  createSqlEventStore,
  createSqliteSessionStore,
  createSqlPhoneStore,
  createSqlUserStore,
  type EventsOptions,
  type KeyMark,
  migrateUsers,
  type OutageLog,
  openSqliteUsers,
  type PhonesOptions,
  type RedisClient,
  type SessionKeyVault,
  type SessionStore,
  type World,
} from '@weapp-auth/fastify'
import type { FastifyBaseLogger } from 'fastify'
import type { Cluster, Redis } from 'ioredis'
import type { Config } from './config.ts'
import { prepareDataDir } from './data-dir.ts'
import { createReplaceableVault } from './key-ring.ts'
import type { TakeSecrets } from './reload.ts'
import { limitEventStore, limitPhoneStore, limitUserStore, type SqlUsers } from './sql-deadlines.ts'
import type { SqlServer } from './sql-server.ts'
import type { Upkeep } from './upkeep/upkeep.ts'
import { openUserDatabase, type UserDatabase } from './user-database.ts'

/**
 * How long the start waits for the servers. Those that are up answer in this time, so that the first request finds them ready.
 */
const FIRST_ATTEMPT_MS = 1_000

export interface Stores {
  users: SqlUsers
  avatars: AvatarsOptions
  phones: PhonesOptions
  events: EventsOptions
  /** For `@fastify/redis`, connected or about to be; null with the embedded sessions. */
  redis: Redis | Cluster | null
  /** How all keys in Redis begin. */
  keyPrefix: string
  /** Opens what is kept in Redis, with `app.redis` as the client; given null, the embedded sessions. */
  openSessions(redis: RedisClient | null): Sessions
  /** The log in which the stores say that they are away; requests that fail because of that share its one line a second. */
  outageLog: OutageLog
  /** Settles when a database answers and cannot be used: the service has to end, and says why. */
  unusable: Promise<Error>
  /** Checks another key ring against the users' database; see {@link TakeSecrets}. */
  takeKeyRing: TakeSecrets
  /** The key ring in use; the first key seals. */
  ring(): readonly KeyMark[]
  /** Work on the users' database as a whole, for operators; loaded on demand. */
  openUpkeep(): Promise<Upkeep>
  close(): Promise<void>
}

export interface Sessions {
  sessions: SessionStore
  /** Null: every process keeps its own access_tokens. */
  accessTokens: AccessTokenStore | null
}

/**
 * Opens the two stores the configuration asks for; the embedded ones where it asks for none. The drivers of the others
 * are loaded on demand: nobody should wait for what they do not use. A server that is away is not waited for: its store
 * fails at once until the server is there.
 */
export async function openStores(config: Config, log: FastifyBaseLogger): Promise<Stores> {
  if (config.redisUrl && !config.databaseUrl) {
    log.warn('sessions are in Redis but users are embedded: only one process may run; set DATABASE_URL for more')
  }
  if (config.databaseUrl && !config.avatarS3Url) {
    log.warn(
      `avatars are kept in ${join(config.dataDir, 'avatars')}: all processes must share that folder; set AVATAR_S3_URL for a bucket`,
    )
  }
  if (!config.redisUrl || !config.databaseUrl) prepareDataDir(config.dataDir, (message) => log.warn(message))
  const { vault, take } = createReplaceableVault(openVault(config))
  const outageLog = createOutageLog()
  // The demonstration's data never meet real ones, whatever servers and folders it is given.
  const { world, keyPrefix } = placeOf(config)
  const users = config.databaseUrl
    ? openUserDatabase({ server: await findServer(config.databaseUrl), vault, world, log, outageLog })
    : await openSqlite(join(config.dataDir, 'users.sqlite'), vault, world, log)
  const { redis, attempted } = config.redisUrl
    ? (await import('./redis.ts')).connectRedis(config.redisUrl, log, outageLog)
    : { redis: null, attempted: null }
  const attempts = Promise.all([users.attempted, attempted]).then(() => null)
  const unusable = await Promise.race([users.unusable, attempts, sleep(FIRST_ATTEMPT_MS, null, { ref: false })])
  if (unusable) throw unusable
  let opened: SessionStore | null = null
  const events = createSqlEventStore({ db: users.db, deliver: config.eventHook !== null })
  return {
    users: limitUserStore(
      createSqlUserStore({
        db: users.db,
        vault,
        events,
        onConflict: (conflict) =>
          log.warn(
            conflict,
            'two users have one unionid: they stay two, and are listed in the table weapp_auth_conflicts',
          ),
      }),
      users,
    ),
    phones: {
      store: limitPhoneStore(createSqlPhoneStore({ db: users.db, vault, events }), users),
      linkByPhone: config.linkByPhone,
    },
    events: { store: limitEventStore(events, users), days: config.eventsDays },
    avatars: await openAvatars(config),
    unusable: users.unusable,
    takeKeyRing: take(users, (message) => log.warn(message)),
    ring: () => vault.ring,
    openUpkeep: async () => {
      const { createUpkeep } = await import('./upkeep/upkeep.ts')
      const appids = config.apps.map(({ appid }) => appid)
      return createUpkeep({ db: users.db, vault, events, appids, dataDir: config.dataDir, restore: opened?.restore })
    },
    redis,
    keyPrefix,
    openSessions(redis) {
      const { sessionCacheMs: cacheMs, dataDir } = config
      const warn = (message: string) => log.warn(message)
      opened = redis
        ? createRedisSessionStore({ redis, keyPrefix, world, cacheMs, warn })
        : createSqliteSessionStore({ file: join(dataDir, 'sessions.sqlite'), world })
      return { sessions: opened, accessTokens: redis && createRedisAccessTokenStore({ redis, vault, keyPrefix }) }
    },
    outageLog,
    close: async () => {
      // Not `quit`: it would wait for the answer of a Redis that is frozen.
      redis?.disconnect()
      await Promise.all([opened?.close(), users.close()])
    },
  }
}

/** Whose data a configuration is about, and how all keys in Redis begin. */
export function placeOf({ emulator }: Pick<Config, 'emulator'>): { world: World; keyPrefix: string } {
  return emulator ? { world: 'emulated', keyPrefix: 'weapp-auth-demo:' } : { world: 'real', keyPrefix: 'weapp-auth:' }
}

/** Where pictures are kept. */
export async function openAvatarStore({
  avatarS3Url,
  dataDir,
}: Pick<Config, 'avatarS3Url' | 'dataDir'>): Promise<AvatarStore> {
  return avatarS3Url
    ? await createS3AvatarStore({ url: avatarS3Url })
    : createFolderAvatarStore({ folder: join(dataDir, 'avatars') })
}

async function openAvatars(config: Config): Promise<AvatarsOptions> {
  const { avatarPublicUrl } = config
  return { store: await openAvatarStore(config), ...(avatarPublicUrl && { publicUrl: avatarPublicUrl }) }
}

/** The driver of what DATABASE_URL names, loaded on demand. */
export async function findServer(url: string): Promise<SqlServer> {
  if (url.startsWith('mysql:')) return (await import('./mysql.ts')).mysqlServer(url)
  return (await import('./postgres.ts')).postgresServer(url)
}

async function openSqlite(
  file: string,
  vault: SessionKeyVault,
  world: World,
  log: FastifyBaseLogger,
): Promise<UserDatabase> {
  const db = openSqliteUsers(file)
  await migrateUsers(db, world)
  await checkKeyRing({ db, vault, nowMs: Date.now(), warn: (message) => log.warn(message) })
  return {
    db,
    isReady: () => true,
    attempted: Promise.resolve(),
    unusable: new Promise(() => {}),
    answers: async () => true,
    close: () => db.destroy(),
  }
}

/** The key ring of a configuration. The embedded stores bring their own: made once, readable by this user alone. */
export function openVault({ sessionKeyKeys, dataDir }: Pick<Config, 'sessionKeyKeys' | 'dataDir'>): SessionKeyVault {
  if (sessionKeyKeys) return createSessionKeyVault({ keys: sessionKeyKeys })
  const file = join(dataDir, 'session-keys')
  if (!existsSync(file)) writeFileSync(file, `k1:${randomBytes(32).toString('base64')}`, { mode: 0o600, flag: 'wx' })
  try {
    return createSessionKeyVault({ keys: readFileSync(file, 'utf8') })
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    throw new Error(`${file} is damaged: restore it, or remove it to lose the session_keys sealed so far`)
  }
}
