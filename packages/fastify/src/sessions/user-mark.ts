/*
 * What a store keeps for a moment about a user who was changed. `create` compares it with the session that it is to make, so
 * that a sign-in which has read the user before the change makes none.
 */

/** The mark of a blocked user: no session agrees with it. */
export function markOfBlock(blockId: string): string {
  return `b:${blockId}`
}

/** The mark of a user whose externalId was changed: a session agrees with it that has the same externalId, or none. */
export function markOfExternalId(externalId: string | null | undefined): string {
  return `x:${externalId ?? ''}`
}

/** Whether a mark was made by {@link markOfBlock}. */
export function isBlock(mark: string): boolean {
  return mark.startsWith('b:')
}
