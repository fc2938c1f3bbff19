import { type Config, parseConfig } from '../config.ts'
import { readSecretFiles } from '../secret-files.ts'
import type { Command } from './terminal.ts'

/** The configuration of the service that a command is about: the same environment variables. @throws ConfigError */
export function readConfig({ env, language }: Command): Config {
  return parseConfig(readSecretFiles(env, language), language)
}
