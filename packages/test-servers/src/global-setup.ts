import type { TestProject } from 'vitest/node'
import { provideMariaDb } from './mariadb.ts'
import { providePostgres } from './postgres.ts'
import type {} from './provided.ts'
import { provideRedis } from './redis.ts'
import type { Server } from './server.ts'

/** Starts what the tests talk to. Without `CI` a server that cannot be had skips its tests, loudly; with it, that is a failure. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const [redis, postgres, mariaDb] = await Promise.all([
    provideOrSkip('Redis', 'REDIS_URL', provideRedis),
    provideOrSkip('PostgreSQL', 'DATABASE_URL', providePostgres),
    provideOrSkip('MariaDB', 'MYSQL_URL', provideMariaDb),
  ])
  project.provide('redisUrl', redis?.url ?? null)
  project.provide('databaseUrl', postgres?.url ?? null)
  project.provide('mysqlUrl', mariaDb?.url ?? null)
  return async () => {
    await Promise.all([redis?.stop(), postgres?.stop(), mariaDb?.stop()])
  }
}

async function provideOrSkip(name: string, variable: string, provide: () => Promise<Server>): Promise<Server | null> {
  try {
    return await provide()
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const advice = `install it or set ${variable}`
    if (process.env.CI) throw new Error(`no ${name} for the tests (${advice}): ${reason}`, { cause: error })
    process.stderr.write(`\n!!! SKIPPING every test that needs ${name}: ${advice}.\n!!! ${reason}\n\n`)
    return null
  }
}
