import { hash, randomBytes } from 'node:crypto'
import { isScope, SCOPES } from '../service-api/tokens.ts'
import { type Command, EXIT, WrongUseError } from './terminal.ts'

const NAME = /^[\w.-]{1,64}$/

/**
 * Makes a service token: prints it once, and the entry of `SERVICE_TOKENS` that lets it in, which holds only its digest.
 *
 * @param name of the program that gets the token; events name it
 * @param scopes `read+write`
 */
export async function makeToken({ stdout, stderr, say }: Command, name: string, scopes: string): Promise<number> {
  if (!NAME.test(name)) {
    throw new WrongUseError(
      say('the name must be 1 to 64 letters, digits, -, . or _', '名称必须是 1 到 64 个字母、数字、-、. 或 _'),
    )
  }
  const given = [...new Set(scopes.split('+'))]
  const unknown = given.filter((scope) => !isScope(scope))
  if (unknown.length > 0) {
    throw new WrongUseError(
      say(
        `--scopes must be some of ${SCOPES.join('+')}, joined by +, not ${scopes}`,
        `--scopes 只能是 ${SCOPES.join('+')} 中的若干个，用 + 连接，而不是 ${scopes}`,
      ),
    )
  }
  const token = randomBytes(32).toString('base64url')
  stdout.write(`${token}\n`)
  stderr.write(
    say(
      'The line above is the token. It is shown this once and kept nowhere: give it to the program that will use it.\nAdd this entry to SERVICE_TOKENS of every process, behind a comma where there is one already:\n',
      '上面一行是令牌，只显示这一次，不会保存在任何地方：请交给要使用它的程序。\n请把下面这一项加进每个进程的 SERVICE_TOKENS，已有其他项时用逗号隔开：\n',
    ),
  )
  stdout.write(`${name}:${given.join('+')}:${hash('sha256', token)}\n`)
  return EXIT.done
}
