/** Base64 of an AES-128 key; Buffer.from would accept any junk. */
const SESSION_KEY = /^[A-Za-z0-9+/]{22}==$/

/** Whether a value has the shape of a session_key of WeChat. */
export function isSessionKey(value: unknown): value is string {
  return typeof value === 'string' && SESSION_KEY.test(value)
}
