import { CommanderError, Command as Program } from 'commander'
import { chooseLanguage, inLanguage, type Language } from '../language.ts'
import { explainStartError } from '../start-error.ts'
import { addCommands } from './commands.ts'
import { type Command, EXIT, type Terminal, WrongUseError } from './terminal.ts'

/**
 * Runs one command line, e.g. `['users', 'list']`, and answers its exit code. Only the code of this command is loaded.
 */
export async function runCli(args: readonly string[], terminal: Terminal): Promise<number> {
  const { stderr, env } = terminal
  let language: Language = 'en'
  try {
    language = readLanguage(args, env)
    const command: Command = { ...terminal, language, say: inLanguage(language) }
    let code: number = EXIT.done
    await buildProgram(command, (ended) => {
      code = ended
    }).parseAsync(putIdsLast(args), { from: 'user' })
    return code
  } catch (error) {
    // Commander has written its own message, or the help that was asked for.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.wrongUse
    stderr.write(`weapp-auth: ${explainStartError(error, env, language)}\n`)
    return error instanceof WrongUseError ? EXIT.wrongUse : EXIT.failed
  }
}

/** The id of a session has 43 characters, and may begin with a dash. Behind `--` it is not taken for an option. */
function putIdsLast(args: readonly string[]): readonly string[] {
  const ids = args.filter((arg) => /^-[\w-]{42}$/.test(arg))
  if (ids.length === 0 || args.includes('--')) return args
  return [...args.filter((arg) => !ids.includes(arg)), '--', ...ids]
}

function buildProgram(command: Command, end: (code: number) => void): Program {
  const { stdout, stderr, say } = command
  const program = new Program('weapp-auth')
    .description(say('looks after a weapp-auth service', '管理 weapp-auth 服务'))
    .option('--lang <language>', say('en or zh; default: the language of the terminal', 'en 或 zh；默认与终端一致'))
    .configureOutput({ writeOut: (text) => stdout.write(text), writeErr: (text) => stderr.write(text) })
    .exitOverride()
    .showHelpAfterError()
  addCommands(program, command, end)
  return program
}

/** Finds the language before anything is parsed, because mistakes in the arguments are told in it too. */
function readLanguage(args: readonly string[], env: Terminal['env']): Language {
  const at = args.findIndex((arg) => arg === '--lang' || arg.startsWith('--lang='))
  const [, given = args[at + 1]] = args[at]?.split('=') ?? []
  try {
    return chooseLanguage(at < 0 ? undefined : (given ?? ''), env.LC_ALL || env.LC_MESSAGES || env.LANG || undefined)
  } catch (error) {
    throw new WrongUseError((error as TypeError).message)
  }
}
