import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * Runs this program's command line again in a child process that Node's permission model confines: it may read the
 * mini-program's folder and the emulator's own files, write into a temporary folder, and start no process, no worker and
 * no native addon. Its environment is empty. That keeps careless code in; it is no sandbox against code that means harm.
 *
 * @param folder what the command is about
 * @returns the exit code of the child
 * @see https://nodejs.org/api/permissions.html
 */
export async function runConfined(script: string, args: readonly string[], folder: string): Promise<number> {
  const scratch = mkdtempSync(join(realpathSync(tmpdir()), 'weapp-emulator-'))
  const readable = [...emulatorFolders(script), resolve(folder), scratch]
  const flags = [
    '--permission',
    ...readable.map((path) => `--allow-fs-read=${path}`),
    `--allow-fs-write=${scratch}`,
    // From Node 25 on the network is confined too; which addresses are reached is the command's own affair.
    ...(process.allowedNodeEnvironmentFlags.has('--allow-net') ? ['--allow-net'] : []),
    '--disable-warning=ExperimentalWarning',
  ]
  const child = spawn(process.execPath, [...flags, script, ...args], {
    stdio: 'inherit',
    env: { TMPDIR: scratch },
  })
  const pass = (signal: NodeJS.Signals) => child.kill(signal)
  process.on('SIGINT', pass).on('SIGTERM', pass)
  try {
    return await new Promise<number>((done, fail) => {
      child.once('error', fail)
      child.once('close', (code) => done(code ?? 1))
    })
  } finally {
    process.off('SIGINT', pass).off('SIGTERM', pass)
    rmSync(scratch, { recursive: true, force: true })
  }
}

/** Whether this process is the confined one already. */
export function isConfined(): boolean {
  return process.permission !== undefined
}

/** The package and every `node_modules` above it: where its dependencies are found. */
function emulatorFolders(script: string): string[] {
  const folders = [dirname(fileURLToPath(new URL('../package.json', import.meta.url))), dirname(script)]
  for (let at = folders[0] ?? ''; ; at = dirname(at)) {
    const modules = join(at, 'node_modules')
    if (existsSync(modules)) folders.push(modules)
    // Node reads these to know what kind of module a file is.
    if (existsSync(join(at, 'package.json'))) folders.push(join(at, 'package.json'))
    if (at === dirname(at)) return folders
  }
}
