import type { CreateSessionResponse, ListedSession, SessionSummary, User as WireUser } from '@weapp-auth/shared'
import { ApiError } from '../api-error.ts'
import type { IssuedSession, Session } from '../sessions/sessions.ts'
import type { User } from '../users/users.ts'

/** The answer to a sign-in, by a WeChat code or by any means of the host's own. */
export function createdSession(issued: IssuedSession, user: User, isNew: boolean): CreateSessionResponse {
  return {
    token: issued.token,
    tokenType: 'Bearer',
    expiresIn: issued.expiresInSeconds,
    absoluteExpiresIn: issued.absoluteExpiresInSeconds,
    session: sessionSummary(issued.session),
    user: { ...wireUser(user), isNew },
  }
}

/** A session as every route shows it: never its token. */
export function sessionSummary({ id, createdAtMs }: Session): SessionSummary {
  return { id, createdAt: new Date(createdAtMs).toISOString() }
}

/** A session as the list of the signed-in devices shows it; `currentId` is the session that asks. */
export function listedSession(session: Session, currentId: string): ListedSession {
  const { id, lastSeenMs, device } = session
  return {
    ...sessionSummary(session),
    lastSeenAt: new Date(lastSeenMs).toISOString(),
    current: id === currentId,
    ...(device && { device }),
  }
}

/** A user as every route shows it: without anything of WeChat. */
export function wireUser({ id, profile }: User): WireUser {
  return { id, profile }
}

/** @throws ApiError `session_invalid` when the user is gone and the session is what is left */
export function present(user: User | null): User {
  if (!user) throw new ApiError('session_invalid', 'the user of this session is gone')
  return user
}
