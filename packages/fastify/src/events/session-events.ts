import { ApiError } from '../api-error.ts'
import type { SessionEnd } from '../sessions/sessions.ts'
import type { NewEvent } from './event.ts'

/** The event of a session that ended: `sign_out` when the user signed out, otherwise `session_ended` with the reason. */
export function endedSession({ userId, sessionId, reason, by, count }: SessionEnd): NewEvent {
  if (reason === 'signed_out') return { type: 'sign_out', by, userId, data: { ...(sessionId && { sessionId }) } }
  return { type: 'session_ended', by, userId, data: { reason, ...(sessionId ? { sessionId } : { count }) } }
}

/** The event of a sign-in that failed, with the code that the phone got. Null when a store was away: that says nothing about the user. */
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
