import { once } from 'node:events'
import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { Busboy } from '@fastify/busboy'
import { expect, it } from 'vitest'
import { createUploads } from '../../src/avatar/upload.ts'

it('a form whose connection was closed before somebody read it is refused, and nobody waits for it', async () => {
  const request = new IncomingMessage(new Socket())
  request.headers['content-type'] = 'multipart/form-data; boundary=x'
  request.destroy()
  await once(request, 'close')
  await expect(createUploads(Busboy).read(request, async () => 'read')).rejects.toMatchObject({
    code: 'request_invalid',
    detail: 'the connection was closed before the picture was there',
  })
})
