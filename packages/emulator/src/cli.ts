#!/usr/bin/env node
import { fileURLToPath } from 'node:url'
import { isConfined, runConfined } from './confine.ts'
import { folderOf } from './run-arguments.ts'

const args = process.argv.slice(2)
const folder = folderOf(args)
const exitCode =
  folder !== null && !isConfined() ? await runConfined(fileURLToPath(import.meta.url), args, folder) : await runHere()
// A connection that a hung server keeps open must not keep the command alive; stdout is flushed first.
process.stdout.write('', () => process.exit(exitCode))

async function runHere(): Promise<number> {
  // On demand: the process that only starts the confined one needs none of it.
  const { runCommand } = await import('./run-command.ts')
  const stop = new AbortController()
  if (args[0] === 'serve') for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
  const output = {
    stdout: (text: string) => process.stdout.write(text),
    stderr: (text: string) => process.stderr.write(text),
  }
  return runCommand(args, output, stop.signal)
}
