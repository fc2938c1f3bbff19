import { createHash, createHmac, hash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

export const S3_ID = 'AKIDEXAMPLE'
export const S3_SECRET = 'canary/s3+secret='
export const S3_REGION = 'ap-guangzhou'
const BUCKET = 'pictures'

export interface S3Server {
  /** With the bucket as the path, and with the credentials. */
  url: string
  /** Content of the bucket, by key. */
  objects: Map<string, { body: Buffer; type: string; modifiedAtMs: number }>
  /** From now on every answer has this status. */
  fail(status: number): void
  /** From now on there is no answer at all. */
  freeze(): void
}

/**
 * A bucket that knows what avatars ask of one: PUT, GET and DELETE of an object and ListObjectsV2, each refused unless it is
 * signed by AWS Signature Version 4 (docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html).
 */
export async function startS3(): Promise<S3Server> {
  const objects: S3Server['objects'] = new Map()
  let status: number | null = null
  let isFrozen = false
  const server = createServer(async (request, response) => {
    if (isFrozen) return
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk)
    const body = Buffer.concat(chunks)
    const url = new URL(request.url ?? '', 'http://s3')
    const key = decodeURIComponent(url.pathname).slice(`/${BUCKET}/`.length)
    const answer = (code: number, content: string | Buffer = '', type = 'application/xml') =>
      response.writeHead(code, { 'content-type': type }).end(content)
    if (status !== null) return answer(status, '<Error><Code>SlowDown</Code></Error>')
    if (!isSigned(request, url, body)) return answer(403, '<Error><Code>SignatureDoesNotMatch</Code></Error>')
    if (!url.pathname.startsWith(`/${BUCKET}`)) return answer(404, '<Error><Code>NoSuchBucket</Code></Error>')
    if (request.method === 'PUT') {
      objects.set(key, { body, type: request.headers['content-type'] ?? '', modifiedAtMs: Date.now() })
      return answer(200)
    }
    if (request.method === 'DELETE') {
      objects.delete(key)
      return answer(204)
    }
    if (key === '') return answer(200, list(url.searchParams.get('prefix') ?? ''))
    const found = objects.get(key)
    return found ? answer(200, found.body, found.type) : answer(404, '<Error><Code>NoSuchKey</Code></Error>')
  })
  await listen(server)
  const { port } = server.address() as AddressInfo
  const credentials = `${encodeURIComponent(S3_ID)}:${encodeURIComponent(S3_SECRET)}`
  return {
    url: `http://${credentials}@127.0.0.1:${port}/${BUCKET}?region=${S3_REGION}`,
    objects,
    fail: (code) => {
      status = code
    },
    freeze: () => {
      isFrozen = true
    },
  }

  function list(prefix: string): string {
    const contents = [...objects].filter(([key]) => key.startsWith(prefix))
    const rows = contents.map(
      ([key, { modifiedAtMs, body }]) =>
        `<Contents><Key>${key}</Key><LastModified>${new Date(modifiedAtMs).toISOString()}</LastModified><Size>${body.length}</Size></Contents>`,
    )
    return `<?xml version="1.0"?><ListBucketResult><KeyCount>${rows.length}</KeyCount><IsTruncated>false</IsTruncated>${rows.join('')}</ListBucketResult>`
  }
}

async function listen(server: Server): Promise<void> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
}

/** Calculates the signature of what has arrived, from its own parts, and compares. */
function isSigned({ method, headers }: IncomingMessage, url: URL, body: Buffer): boolean {
  const [, id, date, region, signedHeaders = '', signature] =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([^,]+), ?Signature=(\w+)$/.exec(
      headers.authorization ?? '',
    ) ?? []
  if (id !== S3_ID || date === undefined || region !== S3_REGION) return false
  const payload = String(headers['x-amz-content-sha256'])
  if (payload !== 'UNSIGNED-PAYLOAD' && payload !== createHash('sha256').update(body).digest('hex')) return false
  const names = signedHeaders.split(';')
  if (!names.includes('host') || !names.includes('x-amz-date')) return false
  const query = [...url.searchParams]
    .map(([name, value]) => `${percentEncode(name)}=${percentEncode(value)}`)
    .sort()
    .join('&')
  const canonical = [
    method,
    url.pathname,
    query,
    ...names.map((name) => `${name}:${String(headers[name]).trim()}`),
    '',
    signedHeaders,
    payload,
  ].join('\n')
  const scope = `${date}/${region}/s3/aws4_request`
  const toSign = ['AWS4-HMAC-SHA256', headers['x-amz-date'], scope, hash('sha256', canonical)].join('\n')
  const key = [date, region, 's3', 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${S3_SECRET}`)
  return hmac(key, toSign).toString('hex') === signature
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

/** RFC 3986, as the signature wants it. */
function percentEncode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}
