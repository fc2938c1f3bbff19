import type { Answer } from './running-service.ts'

/** Says why the service API refused a request. */
export class RefusedError extends Error {
  override readonly name = 'RefusedError'
  readonly status: number
  /** The code of the problem, e.g. `not_found`. */
  readonly code: string

  constructor(status: number, problem: Record<string, unknown>) {
    const { title = 'the service failed', detail, code = 'internal', requestId } = problem
    // The log of the service has the reason under this id.
    const where = status >= 500 && requestId ? ` (requestId ${requestId} in the log of the service)` : ''
    super(`${detail ?? title}${where}`)
    this.status = status
    this.code = String(code)
  }
}

/** @throws RefusedError */
export function bodyOf({ status, body }: Answer): Record<string, unknown> {
  const fields = Object(body) as Record<string, unknown>
  if (status < 200 || status > 299) throw new RefusedError(status, fields)
  return fields
}
