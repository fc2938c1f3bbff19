import { reasonOf } from '@weapp-auth/fastify'
import type { FastifyBaseLogger } from 'fastify'
import { type Config, ConfigError, parseConfig } from './config.ts'
import { readSecretFiles, secretsInFiles } from './secret-files.ts'

/** What a running service takes over; any other secret that has changed is named in a warning. */
const RELOADED: readonly string[] = ['WECHAT_SECRET', 'WECHAT_APPS', 'SESSION_KEY_KEYS', 'SERVICE_TOKENS']

/**
 * A part of the service that takes new secrets: it checks them and answers a function that puts them to use. Nothing has changed
 * before that function is called, and the function cannot fail.
 */
export type TakeSecrets = (config: Config) => Promise<() => void>

/** Options of {@link createReload}. */
export interface ReloadOptions {
  env: Readonly<Record<string, string | undefined>>
  /** Resolves when the service is there: secrets that change while it starts are read again afterwards. */
  parts: Promise<readonly TakeSecrets[]>
  log: Pick<FastifyBaseLogger, 'info' | 'warn' | 'error'>
}

/**
 * Makes the function that reads the secrets in files again. All parts take their new secrets, or none does and one line of the log
 * says why. Calls run one after another.
 */
export function createReload({ env, parts, log }: ReloadOptions): () => Promise<void> {
  let used = readSecretFiles(env)
  let last = Promise.resolve()

  return () => {
    last = last.then(reload)
    return last
  }

  async function reload(): Promise<void> {
    const taking = await parts
    try {
      const now = readSecretFiles(env)
      const config = parseConfig(now)
      const puts = await Promise.all(taking.map((take) => take(config)))
      for (const put of puts) put()
      const late = secretsInFiles(env).filter((name) => now[name] !== used[name] && !RELOADED.includes(name))
      used = { ...now, ...Object.fromEntries(late.map((name) => [name, used[name]])) }
      log.info(`the secrets in files were read again: ${secretsInFiles(env).join(', ')}`)
      if (late.length > 0) log.warn(`${late.join(', ')} changed: that takes a restart`)
    } catch (error) {
      const reason = error instanceof ConfigError ? error.problems.join('; ') : reasonOf(error)
      log.error({ reason }, `the secrets in files were not read again, and all old ones stay: ${reason}`)
    }
  }
}
