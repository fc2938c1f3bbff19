import type sharpModule from 'sharp'
import { ApiError } from '../api-error.ts'

/** The longer side of a kept picture. */
const SIDE_PX = 512
const MAX_PIXELS = 50_000_000
/** Decoding is given up after this. A picture within the limits takes a second or two on a slow machine. */
const DECODE_SECONDS = 10
/** Pictures decoded at a time: one of 50 million pixels takes up to 200 MB. */
const AT_A_TIME = 2
const MAX_WAITING = 20

/** The first bytes of each kind of file, in hex. The name and the media type of a file do not count. */
const SIGNATURES: readonly (readonly [format: string, start: RegExp])[] = [
  ['jpeg', /^ffd8ff/],
  ['png', /^89504e470d0a1a0a/],
  ['webp', /^52494646.{8}57454250/],
  ['gif', /^47494638(37|39)61/],
]

/**
 * Draws a picture anew: decoded, turned upright, at most 512 px wide and high, on white, as JPEG. Nothing of the file itself
 * survives: no place where it was taken, and no second format that it could be read as. Of an animation the first picture is
 * taken.
 *
 * @throws ApiError `media_type_unsupported` when the bytes are no JPEG, PNG, WebP or GIF, `payload_too_large` for more than 50
 * million pixels, `request_invalid` when it is damaged, `overloaded` when too many wait
 */
export type Redraw = (file: Buffer) => Promise<Buffer>

/** @param sharp the library that decodes, which is loaded on demand */
export function createRedraw(sharp: typeof sharpModule): Redraw {
  const inTurn = createSlots(AT_A_TIME, MAX_WAITING)

  return async (file) => {
    const format = findFormat(file)
    if (format === null) throw unsupported()
    return inTurn(async () => {
      try {
        const found = await sharp(file, { limitInputPixels: false }).metadata()
        if (found.format !== format) throw unsupported()
        if (found.width * found.height > MAX_PIXELS) throw tooManyPixels()
        return await sharp(file, { limitInputPixels: MAX_PIXELS, failOn: 'error' })
          .timeout({ seconds: DECODE_SECONDS })
          .autoOrient()
          .resize(SIDE_PX, SIDE_PX, { fit: 'inside', withoutEnlargement: true })
          .flatten({ background: '#fff' })
          .jpeg({ quality: 85 })
          .toBuffer()
      } catch (error) {
        if (error instanceof ApiError) throw error
        const detail = 'the picture cannot be read: it is damaged or cut off'
        throw new ApiError('request_invalid', detail, { detail, cause: error })
      }
    })
  }
}

function findFormat(file: Buffer): string | null {
  const start = file.toString('hex', 0, 12)
  return SIGNATURES.find(([, signature]) => signature.test(start))?.[0] ?? null
}

/** Runs `size` pieces of work at a time. `maxWaiting` more wait, and the rest is refused. */
function createSlots(size: number, maxWaiting: number): <T>(work: () => Promise<T>) => Promise<T> {
  let free = size
  const waiting: (() => void)[] = []
  return async (work) => {
    if (free > 0) free -= 1
    else if (waiting.length < maxWaiting) await new Promise<void>((resolve) => waiting.push(resolve))
    else throw new ApiError('overloaded', 'too many pictures wait to be decoded', { retryAfterSeconds: 5 })
    try {
      return await work()
    } finally {
      // The place goes straight to the work that has waited longest, so that no new work takes it.
      const next = waiting.shift()
      if (next) next()
      else free += 1
    }
  }
}

function unsupported(): ApiError {
  const detail = 'a picture must be JPEG, PNG, WebP or GIF'
  return new ApiError('media_type_unsupported', detail, { detail })
}

function tooManyPixels(): ApiError {
  const detail = `a picture must not have more than ${MAX_PIXELS / 1_000_000} million pixels`
  return new ApiError('payload_too_large', detail, { detail })
}
