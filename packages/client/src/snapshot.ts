import { AuthError } from './errors.ts'

/** What `wx` reads when it is called. The other options are plain values. */
const READ_AT_CALL = ['header', 'data', 'formData'] as const

/**
 * A copy of the options of a call as they are now: the request may be sent later, and again after a login, and what the
 * page changes in between belongs to the page's next call.
 *
 * @param name the call, for the message
 * @throws AuthError `invalid_argument` for data that contains itself or cannot be read
 */
export function snapshot<Options extends object>(name: string, options: Options): Options {
  // So that the fields can be replaced by name: whatever type they have, they keep it.
  const copy = Object.assign({}, options) as Options & Partial<Record<(typeof READ_AT_CALL)[number], unknown>>
  try {
    for (const field of READ_AT_CALL) if (field in copy) copy[field] = copyOf(copy[field])
  } catch {
    throw new AuthError('invalid_argument', `${name}:fail data, formData or header cannot be read, or contains itself`)
  }
  return copy
}

/** Objects, arrays and bytes are copied. What has inner state of another kind (a Date, a Map, a file) stays as it is. */
function copyOf(value: unknown): unknown {
  // Each cast below says what this kind has just been found to be.
  const kind = Object.prototype.toString.call(value).slice(8, -1)
  if (kind === 'Array') return (value as unknown[]).map(copyOf)
  if (kind === 'ArrayBuffer') return (value as ArrayBuffer).slice(0)
  if (kind !== 'Object') return value
  const fields = value as Record<string, unknown>
  // With the same prototype, because it may hold a `toJSON`.
  const copy = Object.create(Object.getPrototypeOf(fields)) as Record<string, unknown>
  for (const name of Object.keys(fields)) copy[name] = copyOf(fields[name])
  return copy
}
