import { CommanderError, Command as Program } from 'commander'
import { chooseLanguage, inLanguage, type Language } from '../language.ts'
import { explainStartError } from '../start-error.ts'
import type { ImportOptions } from './import/import.ts'
import { type Command, EXIT, type Terminal, WrongUseError } from './terminal.ts'

/**
 * Runs one command line, e.g. `['users', 'list']`, and answers its exit code. What a command needs is loaded with it.
 */
export async function runCli(args: readonly string[], terminal: Terminal): Promise<number> {
  const { stderr, env } = terminal
  let language: Language = 'en'
  try {
    language = readLanguage(args, env)
    const command: Command = { ...terminal, language, say: inLanguage(language) }
    let code: number = EXIT.done
    const program = buildProgram(command, (ended) => {
      code = ended
    })
    await program.parseAsync(args, { from: 'user' })
    return code
  } catch (error) {
    // Commander has written its own message, or the help that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.wrongUse
    stderr.write(`weapp-auth: ${explainStartError(error, env, language)}\n`)
    return error instanceof WrongUseError ? EXIT.wrongUse : EXIT.failed
  }
}

function buildProgram(command: Command, end: (code: number) => void): Program {
  const { stdout, stderr, say } = command
  const program = new Program('weapp-auth')
    .description(say('looks after a weapp-auth service', '管理 weapp-auth 服务'))
    .option('--lang <language>', say('en or zh; default: the language of the terminal', 'en 或 zh；默认与终端一致'))
    .configureOutput({ writeOut: (text) => stdout.write(text), writeErr: (text) => stderr.write(text) })
    .exitOverride()
    .showHelpAfterError()
  addMaking(program, command, end)
  addUpkeep(program, command, end)
  addKeys(program, command, end)
  return program
}

/** Commands that need no running service. */
function addMaking(program: Program, command: Command, end: (code: number) => void): void {
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

/** Commands about all users at once. */
function addUpkeep(program: Program, command: Command, end: (code: number) => void): void {
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
    .option('--json', say('print one line of JSON', '输出一行 JSON'))
    .action(async (path: string, options: ImportOptions) =>
      end(await (await import('./import/import.ts')).importUsers(command, path, options)),
    )
}

function addKeys(program: Program, command: Command, end: (code: number) => void): void {
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
    .option('--json', say('print one line of JSON', '输出一行 JSON'))
    .action(async (options: { json?: boolean }) => end(await (await import('./keys.ts')).rotateKeys(command, options)))
}

/** Before anything is parsed: mistakes in the arguments are told in this language too. */
function readLanguage(args: readonly string[], env: Terminal['env']): Language {
  const at = args.findIndex((arg) => arg === '--lang' || arg.startsWith('--lang='))
  const [, given = args[at + 1]] = args[at]?.split('=') ?? []
  try {
    return chooseLanguage(at < 0 ? undefined : (given ?? ''), env.LC_ALL || env.LC_MESSAGES || env.LANG || undefined)
  } catch (error) {
    throw new WrongUseError((error as TypeError).message)
  }
}
