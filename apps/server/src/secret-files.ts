import { readFileSync } from 'node:fs'
import { ConfigError } from './config.ts'
import { inLanguage, type Language } from './language.ts'

/** The variables that can stand in a file instead: `WECHAT_SECRET_FILE=/run/secrets/wechat` in place of `WECHAT_SECRET=…`. */
export const SECRETS = [
  'WECHAT_SECRET',
  'WECHAT_APPS',
  'SESSION_KEY_KEYS',
  'REDIS_URL',
  'DATABASE_URL',
  'AVATAR_S3_URL',
  'SERVICE_TOKENS',
  'HOOK_SECRET',
  'WECHAT_PUSH',
] as const
type Secret = (typeof SECRETS)[number]

type Environment = Readonly<Record<string, string | undefined>>

/** The secrets that stand in a file, by the names of their variables without `_FILE`. */
export function secretsInFiles(env: Environment): Secret[] {
  return SECRETS.filter((name) => env[`${name}_FILE`])
}

/**
 * The environment with the secrets that stand in files. White space around a secret is removed: most editors end a file with a
 * line break.
 *
 * @param language of the problems. Default: English
 * @throws ConfigError for files that cannot be read or are empty, and for variables that are set in both ways
 */
export function readSecretFiles(env: Environment, language: Language = 'en'): Record<string, string | undefined> {
  const say = inLanguage(language)
  const problems: string[] = []
  const read: Record<string, string> = {}
  for (const name of secretsInFiles(env)) {
    const variable = `${name}_FILE`
    const file = env[variable] as string
    if (env[name]) {
      problems.push(
        say(`${variable} and ${name} are both set: unset one of them`, `${variable} 和 ${name} 只能设置一个`),
      )
      continue
    }
    try {
      read[name] = readFileSync(file, 'utf8').trim()
      if (read[name] === '') problems.push(say(`${variable}: ${file} is empty`, `${variable}：${file} 是空的`))
    } catch (error) {
      const reason = (error as NodeJS.ErrnoException).code
      problems.push(
        say(`${variable}: ${file} cannot be read (${reason})`, `${variable}：无法读取 ${file}（${reason}）`),
      )
    }
  }
  if (problems.length > 0) throw new ConfigError(problems, say)
  return { ...env, ...read }
}
