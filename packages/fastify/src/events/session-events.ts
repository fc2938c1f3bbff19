import { ApiError } from '../api-error.ts'
import type { SessionEnd } from '../sessions/sessions.ts'
import type { NewEvent } from './event.ts'

/** A user's own sign-out is an event of its own; every other end of a session says why. */
export function endedSession({ userId, sessionId, reason, by, count }: SessionEnd): NewEvent {
  if (reason === 'signed_out') return { type: 'sign_out', by, userId, data: { ...(sessionId && { sessionId }) } }
  return { type: 'session_ended', by, userId, data: { reason, ...(sessionId ? { sessionId } : { count }) } }
}

/** A sign-in that failed, with the code that the phone was told. Null while a store is away, which says nothing of the user. */
export function refusedSignIn(
  error: unknown,
  o: { appid: string; userId: string | undefined; requestId: string },
): NewEvent | null {
  const { code, logFields } = error instanceof ApiError ? error : { code: 'internal', logFields: undefined }
  if (code === 'store_unavailable') return null
  const { errcode, userId = o.userId } = logFields ?? {}
  const data = { appid: o.appid, code, ...(errcode !== undefined && { errcode }), requestId: o.requestId }
  return { type: 'sign_in_refused', by: 'user', userId: userId ?? null, data }
}
