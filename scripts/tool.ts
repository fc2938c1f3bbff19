import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { ROOT } from './root.ts'

/** With these a person, or the system, stops a command. */
export const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Runs an installed command-line tool to its end and returns its exit code. A signal goes to the whole process group,
 * so the tool has it already: this process only waits for it to finish.
 *
 * @param options.signal kills the tool when it is aborted
 */
export async function runTool(
  name: string,
  args: readonly string[],
  { stdout = 'inherit', signal }: { stdout?: 'inherit' | 'stderr'; signal?: AbortSignal } = {},
): Promise<number> {
  const wait = () => {}
  for (const signal of STOP_SIGNALS) process.on(signal, wait)
  const child = spawn(join(ROOT, 'node_modules', '.bin', name), args, {
    cwd: ROOT,
    stdio: ['ignore', stdout === 'stderr' ? 2 : 'inherit', 'inherit'],
    shell: process.platform === 'win32',
  })
  // A process in an endless loop does not react to any other signal.
  signal?.addEventListener('abort', () => child.kill('SIGKILL'))
  const [code] = await once(child, 'exit')
  for (const signal of STOP_SIGNALS) process.off(signal, wait)
  return typeof code === 'number' ? code : 1
}
