/** A picture of 8 x 8 pixels: what a user chooses who was given no other. */
export const SMALL_PNG: Uint8Array = Uint8Array.from(
  atob(
    'iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAGUlEQVR42mP4//8/+8EETJIBqyiQZBiUOgDHJYShEOUV9QAA' +
      'AABJRU5ErkJggg==',
  ),
  (character) => character.charCodeAt(0),
)

/** The size of a PNG or JPEG in pixels; 0 x 0 of anything else. */
export function measure(bytes: Uint8Array): { width: number; height: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes.length > 24 && view.getUint32(0) === PNG) return { width: view.getUint32(16), height: view.getUint32(20) }
  if (bytes.length < 4 || view.getUint16(0) !== JPEG_START) return { width: 0, height: 0 }
  for (let at = 2; at + 9 < bytes.length; at += 2 + view.getUint16(at + 2)) {
    const marker = view.getUint16(at)
    // A frame, baseline or progressive.
    if (marker === 0xffc0 || marker === 0xffc2) return { width: view.getUint16(at + 7), height: view.getUint16(at + 5) }
  }
  return { width: 0, height: 0 }
}

const PNG = 0x89504e47
const JPEG_START = 0xffd8
