import type { Command as Program } from 'commander'
import type { FindOptions } from './accounts.ts'
import type { OutputOptions, PageOptions } from './ask.ts'
import type { BackupOptions } from './backup/backup.ts'
import type { RestoreOptions } from './backup/restore.ts'
import type { DoctorOptions } from './doctor/doctor.ts'
import type { ImportOptions } from './import/import.ts'
import type { Command } from './terminal.ts'

type End = (code: number) => void

/** Adds all commands with their arguments. The code of a command is loaded when it is called. */
export function addCommands(program: Program, command: Command, end: End): void {
  addDoctor(program, command, end)
  addUsers(program, command, end)
  addSessions(program, command, end)
  addEvents(program, command, end)
  addImport(program, command, end)
  addBackup(program, command, end)
  addKeys(program, command, end)
  addMaking(program, command, end)
}

function addDoctor(program: Program, command: Command, end: End): void {
  const { say } = command
  program
    .command('doctor')
    .description(
      say('look at everything the service needs, and say how to mend it', '检查服务需要的一切，并说明如何修复'),
    )
    .option('--real <code>', say('exchange a code of wx.login with WeChat', '用 wx.login 的 code 实际请求一次微信'))
    .option('--appid <appid>', say('whose code it is; default: the first', 'code 属于哪个小程序；默认第一个'))
    .option('--json', json(command))
    .action(async (o: DoctorOptions) => end(await (await import('./doctor/doctor.ts')).examine(command, o)))
}

function addUsers(program: Program, command: Command, end: End): void {
  const { say } = command
  const users = program.command('users').description(say('users of the service', '用户'))
  users
    .command('find [id]')
    .description(say('find one user', '查找一个用户'))
    .option('--external-id <id>', say('your own id', '你自己系统里的 id'))
    .option('--phone <number>', say('13800138000 or "+852 61234567"', '13800138000 或 "+852 61234567"'))
    .option('--appid <appid>', say('with --openid', '和 --openid 一起使用'))
    .option('--openid <openid>', say('with --appid', '和 --appid 一起使用'))
    .option('--json', json(command))
    .action(async (id: string | undefined, o: FindOptions) => end(await (await accounts()).findUser(command, id, o)))
  addPage(users.command('list').description(say('all users, by their ids', '所有用户，按 id 排列')), command).action(
    async (o: PageOptions) => end(await (await accounts()).listUsers(command, o)),
  )
  users
    .command('disable <id>')
    .description(say('end the sessions of a user, and refuse new ones', '结束用户的会话，并拒绝登录'))
    .requiredOption('--reason <text>', say('for operators; the user does not see it', '给运维人员看，用户看不到'))
    .option(
      '--until <time>',
      say('like 2030-01-31T00:00:00Z; default: for good', '如 2030-01-31T00:00:00Z；默认一直停用'),
    )
    .action(async (id: string, o: { reason: string; until?: string }) =>
      end(await (await accounts()).disableUser(command, id, o)),
    )
  users
    .command('enable <id>')
    .description(say('let a user sign in again', '允许用户重新登录'))
    .action(async (id: string) => end(await (await accounts()).enableUser(command, id)))
  users
    .command('erased')
    .description(say('who was erased: keep it apart from backups', '已注销的用户 id，请和备份分开保存'))
    .option('--json', json(command))
    .action(async (o: OutputOptions) => end(await (await import('./backup/erased.ts')).listErasedUsers(command, o)))
  users
    .command('erase <id>')
    .description(say('erase a user for ever', '注销用户，无法恢复'))
    .option('--yes', say('it is wanted', '确认'))
    .action(async (id: string, o: { yes?: boolean }) => end(await (await accounts()).eraseUser(command, id, o)))
}

function addSessions(program: Program, command: Command, end: End): void {
  const { say } = command
  const sessions = program.command('sessions').description(say('sessions of a user', '用户的会话'))
  sessions
    .command('list <user>')
    .description(say('the live sessions of a user', '用户的有效会话'))
    .option('--json', json(command))
    .action(async (id: string, o: OutputOptions) => end(await (await accounts()).listSessions(command, id, o)))
  sessions
    .command('end <user> [session]')
    .description(say('end one session of a user, or all', '结束用户的一个或全部会话'))
    .option('--all', say('all of them', '全部'))
    .action(async (id: string, session: string | undefined, o: { all?: boolean }) =>
      end(await (await accounts()).endSessions(command, id, session, o)),
    )
}

function addEvents(program: Program, command: Command, end: End): void {
  const { say } = command
  const events = program.command('events').description(say('what happened, and who did it', '发生了什么，由谁操作'))
  addPage(events.command('list').description(say('events, newest first', '事件，最新的在前')), command)
    .option('--user <id>', say('of this user', '某个用户的'))
    .option('--type <type>', say('of this kind, e.g. sign_in', '某一类，例如 sign_in'))
    .option('--since <time>', say('like 2026-01-31T00:00:00Z: nothing older', '如 2026-01-31T00:00:00Z：不早于'))
    .action(async (o: PageOptions & { user?: string; type?: string; since?: string }) =>
      end(await (await import('./events.ts')).listEvents(command, o)),
    )
  addPage(
    events
      .command('given-up')
      .description(say('what EVENTS_URL has not taken for a day', '一天内 EVENTS_URL 都没有收下的事件')),
    command,
  ).action(async (o: PageOptions) => end(await (await import('./events.ts')).listGivenUp(command, o)))
  events
    .command('resend [ids...]')
    .description(say('send events again that were given up', '重新发送被放弃的事件'))
    .option('--all', say('all of them', '全部'))
    .option('--json', json(command))
    .action(async (ids: string[], o: OutputOptions & { all?: boolean }) =>
      end(await (await import('./events.ts')).resendEvents(command, ids, o)),
    )
}

function addImport(program: Program, command: Command, end: End): void {
  const { say } = command
  program
    .command('import <file.csv>')
    .description(say('import users from a CSV file', '从 CSV 文件导入用户'))
    .option('--dry-run', say('say what would happen, and import nobody', '只检查，不导入'))
    .option('--ignore-columns', say('leave out columns that are not known', '忽略无法识别的列'))
    .option('--utc-offset <offset>', say('of times that have none', '没有写时区的时间所用的时区'), '+08:00')
    .option(
      '--refused <file>',
      say('where refused lines go; default: <file>.refused.csv', '被拒绝的行写到哪里；默认 <file>.refused.csv'),
    )
    .option('--json', json(command))
    .action(async (path: string, o: ImportOptions) =>
      end(await (await import('./import/import.ts')).importUsers(command, path, o)),
    )
}

function addBackup(program: Program, command: Command, end: End): void {
  const { say } = command
  program
    .command('backup <folder>')
    .description(say('back up embedded users, while the service runs', '备份内嵌的用户库，服务可以继续运行'))
    .option('--no-keys', say('leave the key ring out', '不包含密钥环'))
    .option('--json', json(command))
    .action(async (folder: string, o: BackupOptions) =>
      end(await (await import('./backup/backup.ts')).backUp(command, folder, o)),
    )
  program
    .command('restore [folder]')
    .description(
      say(
        'put a backup in place, or finish the restoring of a database; the service is stopped',
        '恢复备份，或完成数据库恢复的后续步骤；需要先停止服务',
      ),
    )
    .option(
      '--erased <file>',
      say(
        'users erased since, as users erased prints them; may be given several times',
        '之后注销的用户（users erased 的输出），可重复使用',
      ),
      (file: string, files: string[]) => [...files, file],
      [],
    )
    .option('--yes', say('it is wanted', '确认'))
    .option('--json', json(command))
    .action(async (folder: string | undefined, o: RestoreOptions) =>
      end(await (await import('./backup/restore.ts')).restore(command, folder, o)),
    )
}

function addKeys(program: Program, command: Command, end: End): void {
  const { say } = command
  const keys = program
    .command('keys')
    .description(say('the key ring that seals what is stored', '加密存储内容的密钥环'))
  keys
    .command('new')
    .description(say('make a key for the ring', '生成一个密钥'))
    .action(async () => end(await (await import('./keys.ts')).makeKey(command)))
  keys
    .command('rotate')
    .description(say('seal everything anew under the first key', '用第一个密钥重新加密所有内容'))
    .option('--json', json(command))
    .action(async (o: OutputOptions) => end(await (await import('./keys.ts')).rotateKeys(command, o)))
}

/** Commands that need no running service. */
function addMaking(program: Program, command: Command, end: End): void {
  const { say } = command
  program
    .command('token <name>')
    .description(say('make a token for the service API', '为服务 API 生成令牌'))
    .requiredOption(
      '--scopes <scopes>',
      say('what it may do: some of read+write+issue+wechat', '允许的操作：read+write+issue+wechat 中的若干个'),
    )
    .action(async (name: string, { scopes }: { scopes: string }) =>
      end(await (await import('./token.ts')).makeToken(command, name, scopes)),
    )
  program
    .command('migrate')
    .description(say("bring the users' tables up to date", '更新用户库的表结构'))
    .action(async () => end(await (await import('./migrate.ts')).migrate(command)))
}

function addPage(list: Program, command: Command): Program {
  const { say } = command
  return list
    .option('--limit <n>', say('1 to 1000; default: 100', '1 到 1000；默认 100'))
    .option('--after <id>', say('the page that begins behind this one', '从这一项之后开始'))
    .option('--json', json(command))
}

function json({ say }: Command): string {
  return say('print one line of JSON', '输出一行 JSON')
}

function accounts() {
  return import('./accounts.ts')
}
