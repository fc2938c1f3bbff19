import { randomBytes } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { APPID, startService } from '../service.ts'

const DECRYPT = '/v1/open-data/decrypt'

describe('POST /v1/open-data/decrypt', () => {
  it('10 000 wrong keys open nothing, and all get the same answer', async () => {
    const service = await startService({ rateLimits: { openDataPerMinute: 0 } })
    const { headers } = await service.signIn('alice')
    const openid = service.world.openid('alice', APPID)
    const info = service.world.userInfo('alice', APPID)
    service.users.findKeys = async () => ({ openid, sessionKeys: [randomBytes(16).toString('base64')] })
    const seen = new Set<string>()
    for (let i = 0; i < 10_000; i++) {
      const answer = await service.app.inject({ method: 'POST', url: DECRYPT, payload: info, headers })
      // The length is that of the requestId.
      const { date: _, 'content-length': __, ...told } = answer.headers
      seen.add(`${answer.statusCode} ${answer.body} ${JSON.stringify(told)}`.replaceAll(answer.json().requestId, ''))
    }
    expect([...seen]).toEqual([expect.stringMatching(/^409 .*session_key_stale/)])
  })
})
