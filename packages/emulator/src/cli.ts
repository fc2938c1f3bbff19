#!/usr/bin/env node
import { runCommand } from './run-command.ts'

const exitCode = await runCommand(process.argv.slice(2), {
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(text),
})
// A connection that a hung server keeps open must not keep the command alive; stdout is flushed first.
process.stdout.write('', () => process.exit(exitCode))
