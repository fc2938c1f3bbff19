import { hash } from 'node:crypto'
import { WechatError } from './wechat-error.ts'

/** What a caller of `getwxacodeunlimit` sends. */
export interface MiniCodeParams {
  scene?: unknown
  page?: unknown
  check_path?: unknown
  width?: unknown
}

/** Where a code leads. */
export interface MiniCode {
  /** '' is the mini-program's first page. */
  page: string
  scene: string
}

/** @see https://developers.weixin.qq.com/miniprogram/dev/server/API/qrcode-link/qr-code/api_getunlimitedqrcode */
const SCENE = /^[\w!#$&'()*+,/:;=?@.~-]{1,32}$/
const WIDTH = { least: 280, usual: 430, most: 1280 }

/**
 * A picture for a code: a JPEG that looks like one from afar. No camera reads it; {@link readMiniCode} does.
 *
 * @param pages those the published mini-program has; without them every page is taken for one
 * @throws WechatError 40097, 40169, 41030
 */
export function drawMiniCode(
  { scene, page = '', check_path, width }: MiniCodeParams,
  pages?: readonly string[],
): Uint8Array {
  if (typeof scene !== 'string' || !SCENE.test(scene)) throw new WechatError(40169)
  if (typeof page !== 'string' || page.startsWith('/') || page.includes('?')) throw new WechatError(41030)
  if (page !== '' && check_path !== false && pages && !pages.includes(page)) throw new WechatError(41030)
  const size = width ?? WIDTH.usual
  if (typeof size !== 'number' || !(size >= WIDTH.least && size <= WIDTH.most)) throw new WechatError(40097)
  return grayJpeg(Math.ceil(size / 8), JSON.stringify({ page, scene }))
}

/** Where a picture of `getwxacodeunlimit` leads; null for any other picture. */
export function readMiniCode(picture: Uint8Array): MiniCode | null {
  const bytes = Buffer.from(picture)
  const at = bytes.indexOf(COMMENT)
  if (at < 0) return null
  const { page, scene } = JSON.parse(bytes.subarray(at + 4, at + 2 + bytes.readUInt16BE(at + 2)).toString()) as MiniCode
  return { page, scene }
}

/** The marker of a comment in a JPEG file. */
const COMMENT = Buffer.from([0xff, 0xfe])

/**
 * A gray baseline JPEG (ITU T.81) of `blocks` x `blocks` squares of 8 x 8 pixels, each black or white. Only the mean of a
 * square is coded, as its difference to the square before, so the Huffman tables have few codes: how many bits the difference
 * has, and "no more of this square".
 */
function grayJpeg(blocks: number, comment: string): Uint8Array {
  const size = blocks * 8
  const text = Buffer.from(comment)
  return Buffer.concat([
    Buffer.from([0xff, 0xd8]),
    segment(0xe0, Buffer.from('JFIF\0\x01\x01\0\0\x01\0\x01\0\0', 'latin1')),
    segment(0xfe, text),
    // A mean is counted in steps of 255 / 8 from gray: 4 steps up is white, 4 down is black.
    segment(0xdb, Buffer.from([0, ...Array<number>(64).fill(255)])),
    segment(0xc0, Buffer.from([8, size >> 8, size & 255, size >> 8, size & 255, 1, 1, 0x11, 0])),
    segment(0xc4, huffmanTable(0x00, [0, LENGTHS.length], LENGTHS)),
    segment(0xc4, huffmanTable(0x10, [1], [0])),
    segment(0xda, Buffer.from([1, 1, 0, 0, 63, 0])),
    scan(pattern(blocks, comment)),
    Buffer.from([0xff, 0xd9]),
  ])
}

function segment(marker: number, content: Buffer): Buffer {
  const length = content.length + 2
  return Buffer.concat([Buffer.from([0xff, marker, length >> 8, length & 255]), content])
}

/** @param counts how many codes there are of 1, 2, … bits */
function huffmanTable(id: number, counts: readonly number[], symbols: readonly number[]): Buffer {
  return Buffer.from([id, ...counts, ...Array<number>(16 - counts.length).fill(0), ...symbols])
}

/** One mean a square, row by row: 4 is white, -4 black. */
function pattern(blocks: number, seed: string): number[] {
  const noise = Buffer.from(hash('sha512', seed), 'hex')
  const middle = (blocks - 1) / 2
  return Array.from({ length: blocks * blocks }, (_, index) => {
    const [x, y] = [index % blocks, Math.floor(index / blocks)]
    const isInside = Math.hypot(x - middle, y - middle) <= middle
    const bit = ((noise[(x * 7 + y * 13) % noise.length] ?? 0) >> ((x + y) % 8)) & 1
    return isInside && bit === 1 ? -4 : 4
  })
}

/** How many bits a difference of 0, 4 or 8 has: each has a code of two bits. */
const LENGTHS = [0, 3, 4]
/** The one code of the other table. */
const NO_MORE = '0'

/** The entropy-coded squares; a byte FF is followed by 00 there. */
function scan(levels: readonly number[]): Buffer {
  let bits = ''
  let before = 0
  for (const level of levels) {
    const difference = level - before
    before = level
    const length = difference === 0 ? 0 : Math.abs(difference).toString(2).length
    const value = difference > 0 ? difference : difference + 2 ** length - 1
    bits += LENGTHS.indexOf(length).toString(2).padStart(2, '0')
    if (length > 0) bits += value.toString(2).padStart(length, '0')
    bits += NO_MORE
  }
  bits += '1'.repeat((8 - (bits.length % 8)) % 8)
  const bytes = (bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2))
  return Buffer.from(bytes.flatMap((byte) => (byte === 255 ? [255, 0] : [byte])))
}
