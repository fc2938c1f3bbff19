import { type Config, parseConfig } from '../config.ts'
import { readSecretFiles } from '../secret-files.ts'
import type { Command } from './terminal.ts'

/** The configuration of the service, from the same environment variables as the service reads. @throws ConfigError */
export function readConfig({ env, language }: Command): Config {
  return parseConfig(readSecretFiles(env, language), language)
}
