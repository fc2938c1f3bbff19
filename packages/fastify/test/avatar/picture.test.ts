import sharp, { type Sharp, type SharpInput } from 'sharp'
import { describe, expect, it } from 'vitest'
import { createRedraw } from '../../src/avatar/picture.ts'
import { bomb, colourAt, noise, twoColours } from './pictures.ts'

const redraw = createRedraw(sharp)
const SCRIPT = '<script>alert(document.cookie)</script>'

describe('a picture', () => {
  it.each(['jpeg', 'png', 'webp', 'gif'] as const)('a picture of the format %s becomes a JPEG', async (format) => {
    const drawn = await redraw(await twoColours().toFormat(format).toBuffer())
    expect(await sharp(drawn).metadata()).toMatchObject({ format: 'jpeg', width: 80, height: 40 })
    expect([await colourAt(drawn, 5, 20), await colourAt(drawn, 75, 20)]).toEqual(['red', 'blue'])
  })

  it('a picture is scaled down to 512 px on its longer side, and never made larger', async () => {
    const { width, height } = await sharp(await redraw(await twoColours(2_000, 1_000).png().toBuffer())).metadata()
    expect([width, height]).toEqual([512, 256])
  })

  it('a picture whose file says that it was taken upside down is turned upright', async () => {
    const drawn = await redraw(await twoColours().jpeg().withMetadata({ orientation: 3 }).toBuffer())
    expect([await colourAt(drawn, 5, 20), await colourAt(drawn, 75, 20)]).toEqual(['blue', 'red'])
    const sideways = await redraw(await twoColours().jpeg().withMetadata({ orientation: 6 }).toBuffer())
    expect(await sharp(sideways).metadata()).toMatchObject({ width: 40, height: 80 })
  })

  it('a picture keeps nothing else of its file: no place, no profile, no second format behind it', async () => {
    const place = { GPSLatitudeRef: 'N', GPSLatitude: '30/1 15/1 0/1' }
    const file = Buffer.concat([
      await twoColours()
        .jpeg()
        .withExif({ IFD0: { Copyright: 'canary' }, IFD3: place })
        .toBuffer(),
      Buffer.from(SCRIPT),
    ])
    expect((await sharp(file).metadata()).exif).toBeDefined()
    const drawn = await redraw(file)
    const { exif, icc, xmp, iptc } = await sharp(drawn).metadata()
    expect([exif, icc, xmp, iptc]).toEqual([undefined, undefined, undefined, undefined])
    expect(drawn.toString('latin1')).not.toMatch(/canary|script/)
  })

  it('a picture loses a comment that is a script', async () => {
    const gif = await twoColours().gif().toBuffer()
    const comment = Buffer.concat([Buffer.from([0x21, 0xfe, SCRIPT.length]), Buffer.from(`${SCRIPT}\0`)])
    const trailer = gif.length - 1
    const file = Buffer.concat([gif.subarray(0, trailer), comment, gif.subarray(trailer)])
    expect((await redraw(file)).toString('latin1')).not.toContain('script')
  })

  it('a transparent picture gets a white background', async () => {
    const png = await sharp({ create: { width: 9, height: 9, channels: 4, background: '#0000' } })
      .png()
      .toBuffer()
    expect(await colourAt(await redraw(png), 4, 4)).toBe('white')
  })

  it.each(['gif', 'webp'] as const)('of an animation (%s) only the first picture is kept', async (format) => {
    const frames = ['#f00', '#00f', '#0f0'].map((background) => ({
      create: { width: 20, height: 20, channels: 3, background },
    }))
    const file = await sharp(frames as unknown as SharpInput[], { join: { animated: true } })
      .toFormat(format)
      .toBuffer()
    expect((await sharp(file).metadata()).pages).toBe(3)
    const drawn = await redraw(file)
    expect(await sharp(drawn).metadata()).toMatchObject({ width: 20, height: 20 })
    expect(await colourAt(drawn, 10, 10)).toBe('red')
  })
})

describe('a file that is no picture', () => {
  it.each([
    ['0 bytes', Buffer.alloc(0)],
    ['an SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>')],
    [
      'an SVG that begins with a BOM',
      Buffer.from('\ufeff<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>'),
    ],
    ['a program', Buffer.from('4d5a900003000000', 'hex')],
    ['an ELF program', Buffer.from('7f454c4602010100', 'hex')],
    ['HTML', Buffer.from(`<html>${SCRIPT}`)],
    ['another RIFF file', Buffer.from('RIFF\0\0\0\0WAVEfmt ')],
    ['a TIFF', Buffer.from('49492a0008000000', 'hex')],
  ])('a file that is no picture is refused: %s', async (_what, file) => {
    await expect(redraw(file)).rejects.toMatchObject({ code: 'media_type_unsupported' })
  })

  it('a file that only begins like a picture is refused', async () => {
    for (const start of ['ffd8ff', '89504e470d0a1a0a', '474946383961', '524946460000000057454250']) {
      const file = Buffer.concat([Buffer.from(start, 'hex'), Buffer.from(SCRIPT)])
      await expect(redraw(file)).rejects.toMatchObject({ code: 'request_invalid' })
    }
  })

  it('a picture that is cut off in the middle is refused', async () => {
    for (const format of ['jpeg', 'png', 'webp'] as const) {
      const whole = await sharp(await noise(300, 300).toBuffer())
        .toFormat(format)
        .toBuffer()
      const half = whole.subarray(0, whole.length / 2)
      await expect(redraw(half)).rejects.toMatchObject({
        code: 'request_invalid',
        detail: expect.stringContaining('cut off'),
      })
    }
  })
})

describe('a picture that is too much', () => {
  it('a picture of 50 000 x 50 000 pixels is refused by its header', async () => {
    const file = bomb(50_000, 50_000)
    expect(file.length).toBeLessThan(200)
    await expect(redraw(file)).rejects.toMatchObject({ code: 'payload_too_large' })
  })

  it('a picture waits while two others are decoded, and is refused when 20 wait already', async () => {
    let atATime = 0
    let most = 0
    const counting = new Proxy(sharp, {
      apply(target, self, [file, options]) {
        const picture = Reflect.apply(target, self, [file, options]) as Sharp
        if (!options.failOn) return picture
        const toBuffer = picture.toBuffer.bind(picture) as () => Promise<Buffer>
        picture.timeout = () => {
          picture.toBuffer = (async () => {
            most = Math.max(most, ++atATime)
            const drawn = await toBuffer()
            atATime -= 1
            return drawn
          }) as never
          return picture
        }
        return picture
      },
    })
    const busy = createRedraw(counting)
    const file = await twoColours().jpeg().toBuffer()
    const all = await Promise.allSettled(Array.from({ length: 30 }, () => busy(file)))
    const refused = all.filter((one) => one.status === 'rejected').map((one) => one.reason.code)
    expect(refused).toEqual(Array(8).fill('overloaded'))
    expect(most).toBe(2)
    await expect(busy(file)).resolves.toBeInstanceOf(Buffer)
  })

  it('a picture that fails makes room for the next one', async () => {
    const broken = Buffer.from('ffd8ff', 'hex')
    await Promise.allSettled(Array.from({ length: 10 }, () => redraw(broken)))
    await expect(redraw(await twoColours().jpeg().toBuffer())).resolves.toBeInstanceOf(Buffer)
  })
})
