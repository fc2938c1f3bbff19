#!/usr/bin/env node
// The command `weapp-auth`: the only file here with effects.
import { runCli } from './program.ts'

// Files that a command writes hold openids, tokens or keys: only this user may read them.
process.umask(0o077)
const { env, stdout, stderr, argv } = process
process.exitCode = await runCli(argv.slice(2), { env, stdout, stderr })
