import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createWorld, startWechat } from '@weapp-auth/emulator'
import { expect, onTestFinished } from 'vitest'
import { generateVaultKey } from '../src/index.ts'
import { APP_SECRET, APPID } from './service.ts'

/** The body of `POST /v1/sessions`, which the client's `loginWith` expects of any way in. */
export const SESSION = {
  token: expect.stringMatching(/^wxs1\.[0-9a-f]{3}\.[\w-]{43}$/),
  tokenType: 'Bearer',
  expiresIn: 7_200,
  absoluteExpiresIn: 2_592_000,
  session: { id: expect.any(String), createdAt: expect.any(String) },
  user: { id: expect.any(String), isNew: expect.any(Boolean), profile: expect.objectContaining({ nickname: '' }) },
}

/** Runs an example as its reader does, with WeChat emulated. */
export async function runExample(example: string, env: Record<string, string> = {}) {
  const world = createWorld({ apps: [{ appid: APPID, secret: APP_SECRET }] })
  const wechat = await startWechat(world)
  const folder = mkdtempSync(join(tmpdir(), 'weapp-auth-example-'))
  const child = spawn(process.execPath, [fileURLToPath(new URL(`../examples/${example}`, import.meta.url))], {
    cwd: folder,
    env: {
      PATH: process.env.PATH ?? '',
      PORT: '0',
      WECHAT_APPID: APPID,
      WECHAT_SECRET: APP_SECRET,
      WECHAT_API_BASE_URL: wechat.baseUrl,
      SESSION_KEY_KEYS: generateVaultKey(),
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  onTestFinished(async () => {
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    rmSync(folder, { recursive: true, force: true })
    await wechat.close()
  })
  const address = await addressOf(child)
  const send = async (method: string, path: string, token?: string, body?: unknown) => {
    const response = await fetch(address + path, {
      method,
      headers: {
        ...(token !== undefined && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
    // biome-ignore lint/suspicious/noExplicitAny: whatever the example answers, looked at field by field
    const answer: any = await response.json()
    return { status: response.status, cacheControl: response.headers.get('cache-control'), body: answer }
  }
  const codeOf = (user: string) => world.login(user, APPID).code
  return {
    address,
    world,
    send,
    get: (path: string, token?: string) => send('GET', path, token),
    post: (path: string, body: unknown) => send('POST', path, undefined, body),
    codeOf,
    wechatSignIn: async (user: string) =>
      (await send('POST', '/v1/sessions', undefined, { appid: APPID, code: codeOf(user) })).body,
  }
}

function addressOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let printed = ''
    const look = (chunk: Buffer) => {
      printed += chunk.toString()
      const found = /^listening on (\S+)$/m.exec(printed)
      if (found?.[1]) resolve(found[1])
    }
    child.stdout?.on('data', look)
    child.stderr?.on('data', look)
    child.once('exit', (code) => reject(new Error(`the example ended with exit code ${code}:\n${printed}`)))
  })
}

/** Another provider: it knows two tickets, and its own customer by a secret. */
export async function startProvider(): Promise<Record<string, string>> {
  const server = createServer(async (request, response) => {
    const { ticket } = JSON.parse((await request.setEncoding('utf8').toArray()).join(''))
    const isCustomer = request.headers.authorization === 'Bearer provider-secret'
    const subject = /^ticket-of-(\w+)$/.exec(ticket)?.[1]
    response.statusCode = ticket === 'down' ? 502 : isCustomer && subject ? 200 : 400
    response.end(JSON.stringify({ subject }))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  return { PROVIDER_URL: `http://127.0.0.1:${port}`, PROVIDER_SECRET: 'provider-secret' }
}
