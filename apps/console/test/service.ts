import { type ChildProcess, spawn } from 'node:child_process'
import { hash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createWorld, startWechat } from '@weapp-auth/emulator'

const MAIN = fileURLToPath(new URL('../../server/bundle/main.js', import.meta.url))

/** The built service with its service API, as a process of its own, and two mini-programs of an emulated WeChat. */
export interface ConsoleService {
  /** Where the console is. */
  address: string
  /** By name: `all` may do everything, `read` may read. */
  tokens: Record<'all' | 'read', string>
  /** Signs `user` in on a phone. */
  signIn(user: string, device?: Record<string, string>): Promise<SignedIn>
  /** What a guarded route would answer to a phone: 204 or 401. */
  verify(token: string): Promise<number>
  /** Two users who have one unionid: it came after both of them were there. */
  makeConflict(user: string): Promise<{ kept: string; dropped: string }>
  close(): Promise<void>
}

interface SignedIn {
  token: string
  userId: string
}

export async function startService(): Promise<ConsoleService> {
  const shop: { appid: string; secret: string; platform?: string } = { appid: 'wx0000000000000001', secret: 'secret-1' }
  const game = { appid: 'wx0000000000000002', secret: 'secret-2', platform: 'p' }
  const world = createWorld({ apps: [shop, game], exchangesPerMinute: 10_000 })
  const wechat = await startWechat(world)
  const dataDir = mkdtempSync(join(tmpdir(), 'weapp-auth-console-'))
  const tokens = { all: randomBytes(32).toString('base64url'), read: randomBytes(32).toString('base64url') }
  const env = {
    PATH: process.env.PATH ?? '',
    PORT: '0',
    DATA_DIR: dataDir,
    WECHAT_API_BASE_URL: wechat.baseUrl,
    WECHAT_APPS: JSON.stringify([shop, game].map(({ appid, secret }) => ({ appid, secrets: [secret] }))),
    LOG_LEVEL: 'warn',
    SERVICE_PORT: '0',
    SERVICE_TOKENS: `desk:read+write+issue+wechat:${hash('sha256', tokens.all)},viewer:read:${hash('sha256', tokens.read)}`,
  }
  const child = spawn(process.execPath, [MAIN, '--lang', 'en'], { env, stdio: ['ignore', 'ignore', 'pipe'] })
  const [phones, address] = await addressesOf(child)

  async function signIn(user: string, device: object | undefined, { appid }: { appid: string }): Promise<SignedIn> {
    const response = await fetch(`${phones}/v1/sessions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ appid, code: world.login(user, appid).code, device }),
    })
    const { token, user: signedIn } = await response.json()
    return { token, userId: signedIn.id }
  }

  return {
    address,
    tokens,
    signIn: (user, device) => signIn(user, device, shop),
    async verify(token) {
      const { status } = await fetch(`${phones}/v1/verify`, { headers: { authorization: `Bearer ${token}` } })
      return status
    },
    async makeConflict(user) {
      const { userId: kept } = await signIn(user, undefined, shop)
      const { userId: dropped } = await signIn(user, undefined, game)
      // The shop joins the open platform account of the game.
      shop.platform = game.platform
      await signIn(user, undefined, shop)
      delete shop.platform
      return { kept, dropped }
    },
    async close() {
      child.kill('SIGTERM')
      if (child.exitCode === null) await once(child, 'exit')
      await wechat.close()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

function addressesOf(child: ChildProcess): Promise<[phones: string, operators: string]> {
  return new Promise((resolve, reject) => {
    let printed = ''
    child.stderr?.on('data', (chunk: Buffer) => {
      printed += chunk.toString()
      const phones = /^weapp-auth: signing in users .*, on (\S+)$/m.exec(printed)?.[1]
      const operators = /^weapp-auth: the service API listens.* (\S+)$/m.exec(printed)?.[1]
      if (phones && operators) resolve([phones, operators])
    })
    child.once('exit', () => reject(new Error(`the service ended before it served:\n${printed}`)))
  })
}
