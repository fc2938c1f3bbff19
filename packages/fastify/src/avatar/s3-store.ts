import { guardStore } from '../store-failure.ts'
import type { AvatarStore } from './avatar-store.ts'

const FOLDER = 'avatars/'

/** Options of {@link createS3AvatarStore}. */
export interface S3AvatarStoreOptions {
  /** The address of the bucket with its credentials: see {@link parseS3Url}. */
  url: string
  /** How long one call to the bucket may take, in milliseconds. Default 5 000. */
  timeoutMs?: number
}

/** Where a bucket is, and who may write into it. */
export interface S3Bucket {
  /** The bucket itself, as the service addresses it: its name is the host's first label, or the path. */
  endpoint: string
  region: string
  accessKeyId: string
  secretAccessKey: string
}

/**
 * Reads the address of a bucket: `https://accessKeyId:secretAccessKey@bucket.cos.ap-guangzhou.myqcloud.com?region=ap-guangzhou`,
 * or with the bucket as the path, `http://id:secret@minio:9000/bucket`. Without `region` it is `us-east-1`, which is what MinIO
 * calls its own.
 *
 * @throws TypeError that says what is wrong, and quotes nothing
 */
export function parseS3Url(text: string): S3Bucket {
  const url = URL.parse(text)
  if (!url || !/^https?:$/.test(url.protocol)) throw new TypeError('must be the https address of a bucket')
  if (url.username === '' || url.password === '') {
    throw new TypeError('must have the credentials of the bucket in front of its host: https://id:secret@host')
  }
  const unknown = [...url.searchParams.keys()].filter((name) => name !== 'region')
  if (unknown.length > 0 || url.hash !== '')
    throw new TypeError('must have nothing but region=... after the question mark')
  return {
    endpoint: `${url.origin}${url.pathname.replace(/\/+$/, '')}`,
    region: url.searchParams.get('region') || 'us-east-1',
    accessKeyId: decode(url.username),
    secretAccessKey: decode(url.password),
  }
}

/**
 * Pictures in an S3-compatible bucket (COS, OSS, OBS, MinIO), under `avatars/`. Nobody but the service has to be able to
 * read it. Needs the package `s3mini`.
 *
 * @throws TypeError when the address cannot be used
 * @throws Error when `s3mini` is not installed
 */
export async function createS3AvatarStore({ url, timeoutMs = 5_000 }: S3AvatarStoreOptions): Promise<AvatarStore> {
  const bucket = parseS3Url(url)
  const { S3mini } = await import('s3mini')
  const s3 = new S3mini({ ...bucket, requestAbortTimeout: timeoutMs })
  const guard = guardStore('the bucket of avatars')

  return {
    put: guard(async (name, jpeg) => {
      const answer = await s3.putObject(FOLDER + name, jpeg, 'image/jpeg')
      await answer.body?.cancel()
    }),

    find: guard(async (name) => {
      const bytes = await s3.getObjectArrayBuffer(FOLDER + name)
      return bytes && Buffer.from(bytes)
    }),

    remove: guard(async (name) => {
      await s3.deleteObject(FOLDER + name)
    }),

    list: guard(async (owner) => {
      const found = (await s3.listObjects('/', FOLDER + owner)) ?? []
      return found.map(({ Key, LastModified }) => ({
        name: Key.slice(FOLDER.length),
        keptAtMs: new Date(LastModified).getTime(),
      }))
    }),
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw new TypeError('must have its credentials percent-encoded')
  }
}
