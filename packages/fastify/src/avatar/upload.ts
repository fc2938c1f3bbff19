import type { IncomingMessage } from 'node:http'
import type { BusboyConstructor, BusboyHeaders } from '@fastify/busboy'
import { ApiError } from '../api-error.ts'

const MAX_PICTURE_BYTES = 5 * 1024 * 1024
/**
 * A form that is too large is read up to this size and thrown away. If the connection were closed while the phone still sends,
 * the phone would see a broken network, and not the answer.
 */
const MAX_BODY_BYTES = 4 * MAX_PICTURE_BYTES
/** How much all uploads of this process may hold in memory: those that are being read, and those that wait to be decoded. */
const MAX_HELD_BYTES = 64 * 1024 * 1024
/** `wx.uploadFile` sends `formData` along: its fields are allowed, and ignored. */
const LIMITS = { files: 1, fileSize: MAX_PICTURE_BYTES, fields: 16, fieldSize: 1024, parts: 17, headerPairs: 32 }

/** Reads pictures out of forms. */
export interface Uploads {
  /**
   * Reads the one file of a multipart form, whatever the name of its field, and hands it to `work`.
   *
   * @throws ApiError `request_invalid`, `payload_too_large` or `overloaded`
   */
  read<T>(request: IncomingMessage, work: (picture: Buffer) => Promise<T>): Promise<T>
}

/** @param Busboy the parser of forms, which is loaded on demand */
export function createUploads(Busboy: BusboyConstructor): Uploads {
  let heldBytes = 0

  return {
    async read(request, work) {
      const held = { bytes: 0 }
      const hold = (bytes: number) => {
        if (heldBytes + bytes > MAX_HELD_BYTES) return false
        heldBytes += bytes
        held.bytes += bytes
        return true
      }
      try {
        return await work(await readFile(request, hold))
      } finally {
        heldBytes -= held.bytes
      }
    },
  }

  function readFile(request: IncomingMessage, hold: (bytes: number) => boolean): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      const form = openForm(request)
      const chunks: Buffer[] = []
      let hasFile = false
      let receivedBytes = 0
      /** The first fault. Null: none yet. The form is read to its end also with a fault. */
      let fault: ApiError | null = null

      form.on('file', (_field, file) => {
        hasFile = true
        file.on('data', (chunk: Buffer) => {
          if (!fault && !hold(chunk.length)) fault = tooManyUploads()
          if (fault) chunks.length = 0
          else chunks.push(chunk)
        })
        file.on('limit', () => {
          fault ??= tooLarge()
        })
        // The form emits the same error.
        file.on('error', () => {})
      })
      form.on('filesLimit', () => {
        fault ??= invalid('the form must have one file')
      })
      form.on('error', () => stop(fault ?? invalid('the form is damaged or cut off')))
      form.on('finish', () => {
        if (!hasFile) fault ??= invalid('the form has no file')
        if (fault) stop(fault)
        else resolve(Buffer.concat(chunks))
      })
      request.on('data', (chunk: Buffer) => {
        receivedBytes += chunk.length
        if (receivedBytes > MAX_BODY_BYTES) stop(fault ?? tooLarge())
      })
      request.on('close', () => {
        if (!request.readableEnded) stop(cutOff())
      })
      // The connection was closed before this function was called, so `close` will not be emitted again.
      if (request.destroyed && !request.readableEnded) return stop(cutOff())
      request.pipe(form)

      function stop(error: ApiError): void {
        request.unpipe(form)
        reject(error)
      }
    })
  }

  function openForm(request: IncomingMessage) {
    try {
      return new Busboy({ headers: request.headers as BusboyHeaders, limits: LIMITS })
    } catch {
      throw invalid('the form has no boundary')
    }
  }
}

function invalid(detail: string): ApiError {
  return new ApiError('request_invalid', detail, { detail })
}

function cutOff(): ApiError {
  return invalid('the connection was closed before the picture was there')
}

function tooLarge(): ApiError {
  const detail = `a picture must not have more than ${MAX_PICTURE_BYTES / 1024 / 1024} MB`
  return new ApiError('payload_too_large', detail, { detail })
}

function tooManyUploads(): ApiError {
  return new ApiError('overloaded', 'too many pictures are being uploaded at once', { retryAfterSeconds: 5 })
}
