import assert from 'node:assert/strict'
import { randomBytes, randomUUID } from 'node:crypto'
import type { User, UserStore } from '../users/users.ts'

/** One thing that every {@link UserStore} does. */
export interface UserStoreCase {
  /** A sentence about the store, for the list of tests. */
  title: string
  /**
   * Rejects with an AssertionError where the store does something else. The users that it makes have identifiers of their own,
   * so that the cases may share a store, also at the same time.
   */
  run(users: UserStore): Promise<void>
}

/** A WeChat identity that nobody has yet. */
export function newIdentity(o: { unionid?: string | null } = {}) {
  return { openid: `o-${randomUUID()}`, unionid: o.unionid ?? null, sessionKey: newSessionKey() }
}

/** As WeChat makes them. */
export function newSessionKey(): string {
  return randomBytes(16).toString('base64')
}

/** Signs in somebody who is not being erased. */
export async function signIn(
  users: UserStore,
  appid: string,
  identity: Parameters<UserStore['signIn']>[1],
  nowMs: number = Date.now(),
): Promise<{ user: User; isNew: boolean }> {
  const signedIn = await users.signIn(appid, identity, nowMs)
  assert('user' in signedIn, 'signIn answers that the user is being erased')
  return signedIn
}

/** The user as the store has it now. */
export async function getUser(users: UserStore, userId: string): Promise<User> {
  const user = await users.findUser(userId)
  assert(user, 'findUser does not find the user')
  return user
}
