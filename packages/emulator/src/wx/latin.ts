/** A character for each byte. Not spread into one call, which a picture has too many bytes for. */
export function latinOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')
}
