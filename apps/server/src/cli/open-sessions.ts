import { join } from 'node:path'
import { createRedisSessionStore, createSqliteSessionStore, type SessionStore } from '@weapp-auth/fastify'
import { pino } from 'pino'
import type { Config } from '../config.ts'
import { prepareDataDir } from '../data-dir.ts'
import { placeOf } from '../stores.ts'
import { type Command, createWarn } from './terminal.ts'

/** The sessions of a configuration, opened by the command itself. */
export interface OpenedSessions {
  store: SessionStore
  close(): Promise<void>
}

/**
 * Opens the sessions without the users. Unlike the service it does not wait for a server that is away.
 *
 * @throws Error that says what is wrong; for embedded sessions also that the service runs and has the file
 */
export async function openSessions(config: Config, command: Pick<Command, 'stderr'>): Promise<OpenedSessions> {
  const { redisUrl, dataDir } = config
  const { world, keyPrefix } = placeOf(config)
  if (!redisUrl) {
    prepareDataDir(dataDir, createWarn(command))
    const store = createSqliteSessionStore({ file: join(dataDir, 'sessions.sqlite'), world })
    return { store, close: () => store.close() }
  }
  const { connectRedis } = await import('../redis.ts')
  const { redis, attempted } = connectRedis(redisUrl, pino({ level: 'silent' }))
  await attempted
  const store = createRedisSessionStore({ redis, keyPrefix, world })
  const close = async () => {
    await store.close()
    redis.disconnect()
  }
  try {
    await store.ping()
    return { store, close }
  } catch (error) {
    await close()
    throw error
  }
}
