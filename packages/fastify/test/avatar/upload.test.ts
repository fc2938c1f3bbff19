import { once } from 'node:events'
import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { Busboy } from '@fastify/busboy'
import { expect, it } from 'vitest'
import { createUploads } from '../../src/avatar/upload.ts'

/** A request whose body comes from `push`. */
function openRequest(): IncomingMessage {
  const request = new IncomingMessage(new Socket())
  request.headers['content-type'] = 'multipart/form-data; boundary=x'
  return request
}

const HEAD = '--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n'

function requestWith(picture: Buffer): IncomingMessage {
  const request = openRequest()
  for (const part of [HEAD, picture, '\r\n--x--\r\n', null]) request.push(part)
  return request
}

const CUT_OFF = { code: 'request_invalid', detail: 'the connection was closed before the picture was there' }

it('a form whose connection was closed before somebody read it is refused, and nobody waits for it', async () => {
  const request = openRequest()
  request.destroy()
  await once(request, 'close')
  await expect(createUploads(Busboy).read(request, async () => 'read')).rejects.toMatchObject(CUT_OFF)
})

it('a form whose connection is closed in the middle is refused, and nobody waits for it', async () => {
  const request = openRequest()
  const reading = createUploads(Busboy).read(request, async () => 'read')
  request.push(`${HEAD}half a pic`)
  request.destroy()
  await expect(reading).rejects.toMatchObject(CUT_OFF)
})

it('pictures of 64 MB together are in memory at once: one more is overloaded, until one of them is done', async () => {
  const uploads = createUploads(Busboy)
  const picture = Buffer.alloc(4 << 20)
  const { promise: held, resolve: release } = Promise.withResolvers<void>()
  let here = 0
  const work = async () => {
    here++
    await held
  }
  const first = Array.from({ length: 16 }, () => uploads.read(requestWith(picture), work))
  await expect.poll(() => here).toBe(16)
  const one = Buffer.alloc(1)
  const read = () => uploads.read(requestWith(one), async (bytes) => bytes)
  await expect(read()).rejects.toMatchObject({ code: 'overloaded', retryAfterSeconds: 5 })
  release()
  await Promise.all(first)
  expect(await read()).toEqual(one)
})
