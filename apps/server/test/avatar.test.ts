import { readdirSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type {} from '@weapp-auth/test-servers'
import { pino } from 'pino'
import { describe, expect, inject, it, onTestFinished } from 'vitest'
import { environment, startService } from './service.ts'

/** A white GIF of one pixel. */
const GIF = Buffer.from('R0lGODlhAQABAIAAAP///wAAACH5BAAAAAAALAAAAAABAAEAAAICRAEAOw==', 'base64')

async function signIn({ world, baseUrl }: Awaited<ReturnType<typeof startService>>): Promise<Headers> {
  const [{ appid } = { appid: '' }] = world.apps
  const { code } = world.login('alice', appid)
  const headers = { 'content-type': 'application/json' }
  const answer = await fetch(`${baseUrl}/v1/sessions`, {
    method: 'POST',
    headers,
    body: JSON.stringify({ appid, code }),
  })
  return new Headers({ authorization: `Bearer ${((await answer.json()) as { token: string }).token}` })
}

async function upload(baseUrl: string, headers: Headers): Promise<string> {
  const body = new FormData()
  body.append('file', new Blob([GIF]), 'avatar.png')
  const answer = await fetch(`${baseUrl}/v1/me/avatar`, { method: 'POST', headers, body })
  expect(answer.status).toBe(200)
  return ((await answer.json()) as { avatarUrl: string }).avatarUrl
}

it('avatars are kept in DATA_DIR/avatars, and are there after a restart', async () => {
  const env = await environment('embedded')
  const first = await startService(env)
  const avatarUrl = await upload(first.baseUrl, await signIn(first))
  expect(avatarUrl.startsWith(`${first.baseUrl}/avatars/`)).toBe(true)
  const folder = join(env.DATA_DIR ?? '', 'avatars')
  const [shard = ''] = readdirSync(folder)
  expect(readdirSync(join(folder, shard))).toEqual([avatarUrl.split('/').at(-1)])
  await first.close()
  const { baseUrl } = await startService(env)
  const picture = await fetch(`${baseUrl}${new URL(avatarUrl).pathname}`)
  expect(Object.fromEntries(picture.headers)).toMatchObject({
    'content-type': 'image/jpeg',
    'x-content-type-options': 'nosniff',
    'cross-origin-resource-policy': 'cross-origin',
  })
  expect((await picture.bytes()).length).toBeGreaterThan(100)
})

it('with AVATAR_S3_URL avatars are in the bucket, under the address of AVATAR_PUBLIC_URL', async () => {
  const puts: string[] = []
  const bucket = createServer((request, response) => {
    if (request.method === 'PUT') puts.push(request.url ?? '')
    request.resume().on('end', () => response.end('<ListBucketResult/>'))
  })
  await new Promise<void>((resolve) => bucket.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void bucket.close())
  const { port } = bucket.address() as AddressInfo
  const env = await environment('embedded')
  const service = await startService({
    ...env,
    AVATAR_S3_URL: `http://id:secret@127.0.0.1:${port}/pics`,
    AVATAR_PUBLIC_URL: 'https://cdn.example.com/avatars',
  })
  const avatarUrl = await upload(service.baseUrl, await signIn(service))
  expect(puts).toEqual([avatarUrl.replace('https://cdn.example.com', '/pics')])
})

describe.skipIf(inject('databaseUrl') === null)('with DATABASE_URL', () => {
  it.each([
    ['no bucket', {}, true],
    ['a bucket', { AVATAR_S3_URL: 'http://id:secret@127.0.0.1:9/pics' }, false],
  ])(
    'with DATABASE_URL and %s, the start says whether all processes must share a folder',
    async (_what, env, isTold) => {
      const lines: string[] = []
      const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(line) })
      await startService({ ...(await environment('shared')), ...env }, () => {}, { log })
      expect(lines.join('').includes('all processes must share that folder')).toBe(isTold)
    },
  )
})
