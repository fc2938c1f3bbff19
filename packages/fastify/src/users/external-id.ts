/** Visible ASCII: it goes into a header, and into the keys of other systems. */
const EXTERNAL_ID = /^[\x21-\x7e]{1,128}$/

/** Whether a text can be the host's own id for a user. */
export function isExternalId(text: unknown): text is string {
  return typeof text === 'string' && EXTERNAL_ID.test(text)
}

/** @throws TypeError when it cannot be one */
export function checkExternalId(text: string): string {
  if (!isExternalId(text)) throw new TypeError('an externalId must be a text of 1 to 128 visible ASCII characters')
  return text
}
