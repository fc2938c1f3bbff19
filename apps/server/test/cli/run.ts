import { runCli } from '../../src/cli/program.ts'

/** How a command ended, and what it printed. */
export interface Ran {
  code: number
  out: string
  err: string
}

/** Runs a command in this process, for somebody who reads English unless `env` says otherwise. */
export async function run(args: readonly string[], env: Record<string, string> = {}): Promise<Ran> {
  const out: string[] = []
  const err: string[] = []
  const code = await runCli(args, {
    env: { LANG: 'C', ...env },
    stdout: { write: (text) => out.push(text) },
    stderr: { write: (text) => err.push(text) },
  })
  return { code, out: out.join(''), err: err.join('') }
}
