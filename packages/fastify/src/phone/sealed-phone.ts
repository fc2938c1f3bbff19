import type { PhoneNumber } from '../phone-number.ts'
import type { KeyOwner, SessionKeyVault } from '../users/session-key-vault.ts'

/** A number as it is kept for a user. */
export function sealPhone(vault: SessionKeyVault, userId: string, { countryCode, number }: PhoneNumber): string {
  return vault.seal(`${countryCode} ${number}`, phoneOwnerOf(userId))
}

/** Null: it was sealed with a key that the ring has lost, which is no outage: the user can prove the number again. */
export function openPhone(vault: SessionKeyVault, userId: string, sealed: string): PhoneNumber | null {
  try {
    const [countryCode = '', number = ''] = vault.open(sealed, phoneOwnerOf(userId)).split(' ')
    return { number, countryCode }
  } catch {
    return null
  }
}

/** The number of one user as it is kept for another one. Null as in {@link openPhone}. */
export function resealPhone(vault: SessionKeyVault, sealed: string, o: { from: string; to: string }): string | null {
  const phone = openPhone(vault, o.from, sealed)
  return phone && sealPhone(vault, o.to, phone)
}

/** No mini-program has an empty appid, so no session_key has this owner. */
export function phoneOwnerOf(userId: string): KeyOwner {
  return { appid: '', openid: `the phone of ${userId}` }
}
