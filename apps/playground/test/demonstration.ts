import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const MAIN = fileURLToPath(new URL('../../server/bundle/main.js', import.meta.url))

export interface Demonstration {
  address: string
  close(): Promise<void>
}

/** The built service with its emulator on, as `npm start` runs it, on a free port and in a folder of its own. */
export async function startDemonstration(): Promise<Demonstration> {
  const dataDir = mkdtempSync(join(tmpdir(), 'weapp-auth-playground-'))
  const env = { PATH: process.env.PATH ?? '', PORT: '0', DATA_DIR: dataDir, WECHAT_EMULATOR: 'on', LOG_LEVEL: 'warn' }
  const child = spawn(process.execPath, [MAIN], { env, stdio: ['ignore', 'ignore', 'pipe'] })
  const address = await addressOf(child)
  return {
    address,
    async close() {
      child.kill('SIGTERM')
      if (child.exitCode === null) await once(child, 'exit')
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

function addressOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let printed = ''
    child.stderr?.on('data', (chunk: Buffer) => {
      printed += chunk.toString()
      const found = /(http:\/\/127\.0\.0\.1:\d+)$/m.exec(printed)
      if (found?.[1]) resolve(found[1])
    })
    child.once('exit', () => reject(new Error(`the demonstration ended before it served:\n${printed}`)))
  })
}
