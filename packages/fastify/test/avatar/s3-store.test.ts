import { describe, expect, it } from 'vitest'
import { newAvatarName } from '../../src/avatar/names.ts'
import { createS3AvatarStore, parseS3Url } from '../../src/index.ts'
import { avatarStoreContract } from './avatar-store.contract.ts'
import { S3_SECRET, startS3 } from './s3-server.ts'

describe('a bucket', () => {
  avatarStoreContract(async () => createS3AvatarStore({ url: (await startS3()).url }))

  it('a bucket gets the pictures under avatars/, as JPEG', async () => {
    const s3 = await startS3()
    const name = newAvatarName('u')
    await (await createS3AvatarStore({ url: s3.url })).put(name, Buffer.from('x'))
    expect([...s3.objects]).toMatchObject([[`avatars/${name}`, { type: 'image/jpeg' }]])
  })

  it.each([
    ['another secret', (url: string) => url.replace(/:[^:@]+@/, ':wrong@')],
    ['another region', (url: string) => url.replace('guangzhou', 'shanghai')],
    ['a bucket that is not there', (url: string) => url.replace('/pictures', '/other')],
  ])('a bucket with %s is an outage whose error holds no secret', async (_what, change) => {
    const store = await createS3AvatarStore({ url: change((await startS3()).url) })
    const error = await store.put(newAvatarName('u'), Buffer.from('x')).catch((error: unknown) => error)
    expect(error).toMatchObject({ code: 'store_unavailable', message: expect.stringMatching(/S3 returned 40[34]/) })
    expect(String(error)).not.toContain(encodeURIComponent(S3_SECRET))
  })

  it('a bucket that refuses, or is away, is an outage for every question', async () => {
    const s3 = await startS3()
    const store = await createS3AvatarStore({ url: s3.url })
    s3.fail(503)
    const name = newAvatarName('u')
    const put = () => store.put(name, Buffer.from('x'))
    for (const ask of [put, () => store.find(name), () => store.remove(name), () => store.list('a')]) {
      await expect(ask()).rejects.toMatchObject({
        code: 'store_unavailable',
        message: expect.stringContaining('the bucket of avatars'),
      })
    }
  })

  it('a bucket that does not answer is given up after the deadline', async () => {
    const s3 = await startS3()
    const store = await createS3AvatarStore({ url: s3.url, timeoutMs: 50 })
    s3.freeze()
    await expect(store.find(newAvatarName('u'))).rejects.toMatchObject({ code: 'store_unavailable' })
  })
})

describe('the address of a bucket', () => {
  it.each([
    [
      'https://id:s%2Fe@pics-125.cos.ap-guangzhou.myqcloud.com?region=ap-guangzhou',
      { endpoint: 'https://pics-125.cos.ap-guangzhou.myqcloud.com', region: 'ap-guangzhou', secretAccessKey: 's/e' },
    ],
    ['http://id:s@minio:9000/pics//', { endpoint: 'http://minio:9000/pics', region: 'us-east-1', accessKeyId: 'id' }],
  ])('the address of a bucket is read: %s', (url, bucket) => {
    expect(parseS3Url(url)).toMatchObject(bucket)
  })

  it.each([
    ['pics', 'must be the https address'],
    ['s3://id:s@pics', 'must be the https address'],
    ['shttps://id:s@pics', 'must be the https address'],
    ['https://pics.example.com', 'must have the credentials'],
    ['https://id@pics.example.com', 'must have the credentials'],
    ['https://:canary@pics.example.com', 'must have the credentials'],
    ['https://id:s@pics.example.com#canary', 'must have nothing but region'],
    ['https://id:canary@pics.example.com?regoin=x', 'must have nothing but region'],
    ['https://id:%zz@pics.example.com', 'percent-encoded'],
  ])('the address of a bucket is refused without being quoted: %s', (url, why) => {
    expect(() => parseS3Url(url)).toThrow(why)
    expect(() => parseS3Url(url)).not.toThrow(/canary|regoin|%zz/)
  })
})
