import { generateVaultKey, type RotationPlace } from '@weapp-auth/fastify'
import { readConfig } from './config.ts'
import { openUpkeep } from './open-upkeep.ts'
import { createProgress } from './progress.ts'
import { type Command, EXIT } from './terminal.ts'

/** Prints a new entry of `SESSION_KEY_KEYS`. */
export async function makeKey({ stdout, stderr, say }: Command): Promise<number> {
  stdout.write(`${generateVaultKey()}\n`)
  stderr.write(
    say(
      'Add it at the end of the key ring in every process, then put it first in every process, then run weapp-auth keys rotate.\n',
      '请先在每个进程的密钥环末尾加上它，再在每个进程里把它移到最前面，然后运行 weapp-auth keys rotate。\n',
    ),
  )
  return EXIT.done
}

/**
 * Seals session_keys and phone numbers anew under the first key of the ring. It can be stopped at any time; a new start passes over what
 * is done.
 *
 * @returns `failed` when something was sealed with a key that is not in the ring
 */
export async function rotateKeys(command: Command, { json }: { json?: boolean }): Promise<number> {
  const { stdout, stderr, say } = command
  const upkeep = await openUpkeep(readConfig(command), command)
  const progress = createProgress(stderr)
  const report = { sealed: 0, closed: 0, unused: [] as string[] }
  try {
    const total = await upkeep.countOldKeys()
    for (let place: RotationPlace | undefined = null; place !== undefined; ) {
      const step = await upkeep.rotateKeys(place)
      report.sealed += step.sealed
      report.closed += step.closed
      place = step.next
      progress.show(() => say(`${report.sealed} of ${total} sealed anew`, `已重新加密 ${report.sealed} / ${total}`))
    }
    report.unused = await upkeep.forgetUnusedKeys()
  } finally {
    progress.end()
    await upkeep.close()
  }
  stdout.write(json ? `${JSON.stringify(report)}\n` : describe(report, command))
  return report.closed > 0 ? EXIT.failed : EXIT.done
}

function describe(report: { sealed: number; closed: number; unused: string[] }, { say }: Command): string {
  const { sealed, closed, unused } = report
  const lines = [
    say(`${sealed} rows were sealed anew under the first key`, `${sealed} 行已用第一个密钥重新加密`),
    closed > 0 &&
      say(
        `${closed} rows stay as they are: no key of the ring opens them; put the key back that sealed them, and run this again`,
        `${closed} 行保持原样：密钥环中没有能解开它们的密钥；请把当时的密钥加回来，再运行一次`,
      ),
    unused.length > 0 &&
      say(
        `nothing is sealed with ${unused.join(', ')} any more: remove it from SESSION_KEY_KEYS in every process`,
        `已经没有内容使用 ${unused.join('、')} 加密：请从每个进程的 SESSION_KEY_KEYS 中去掉`,
      ),
  ]
  return lines.flatMap((line) => (line ? [`${line}\n`] : [])).join('')
}
