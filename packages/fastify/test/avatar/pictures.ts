import { crc32, deflateSync } from 'node:zlib'
import sharp from 'sharp'

/** Left half red, right half blue. */
export function twoColours(width = 80, height = 40) {
  const half = { width: width / 2, height, channels: 3 as const, background: '#00f' }
  return sharp({ create: { ...half, width, background: '#f00' } }).composite([
    { input: { create: half }, left: width / 2, top: 0 },
  ])
}

/** The colour at a place of a picture. */
export async function colourAt(
  picture: Buffer,
  left: number,
  top: number,
): Promise<'red' | 'blue' | 'white' | 'other'> {
  const [r = 0, g = 0, b = 0] = await sharp(picture).extract({ left, top, width: 1, height: 1 }).raw().toBuffer()
  if (r > 240 && g > 240 && b > 240) return 'white'
  if (r > 200 && b < 60) return 'red'
  return b > 200 && r < 60 ? 'blue' : 'other'
}

/** A photograph as a camera writes it: hardly compressible, about 1 MB for each million pixels. */
export function noise(width: number, height: number) {
  const noise = { type: 'gaussian', mean: 128, sigma: 40 } as const
  return sharp({ create: { width, height, channels: 3, background: '#888', noise } }).jpeg()
}

/** A PNG of a few bytes that says it is as large as you like. */
export function bomb(width: number, height: number): Buffer {
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header[8] = 1
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(Buffer.alloc(1_000))),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function chunk(type: string, data: Buffer): Buffer {
  const typed = Buffer.concat([Buffer.from(type), data])
  const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)]
  length.writeUInt32BE(data.length)
  sum.writeUInt32BE(crc32(typed))
  return Buffer.concat([length, typed, sum])
}
