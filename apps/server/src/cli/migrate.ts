import { readConfig } from './config.ts'
import { openUsers } from './open-users.ts'
import { type Command, EXIT } from './terminal.ts'

/**
 * Brings the users' tables up to date, as the service does at its start: for teams whose service may not change tables, so that another
 * user of the database has to do it.
 */
export async function migrate(command: Command): Promise<number> {
  const { stdout, say } = command
  const users = await openUsers(readConfig(command), command)
  await users.close()
  for (const name of users.migrated) stdout.write(`${name}\n`)
  if (users.migrated.length === 0) stdout.write(say('the tables were up to date\n', '表结构已经是最新的\n'))
  return EXIT.done
}
