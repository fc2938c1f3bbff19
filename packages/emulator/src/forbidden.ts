import type { Ledger, SecretKind } from './ledger.ts'

const FORBIDDEN: Partial<Record<SecretKind, string>> = { key: 'the session_key', accessToken: 'the access_token' }

/** What WeChat forbids to give to a phone, of what `text` holds: `the session_key k1`. */
export function forbiddenIn(ledger: Ledger, text: string): string[] {
  return ledger.secretsIn(text).flatMap(({ kind, alias }) => (FORBIDDEN[kind] ? [`${FORBIDDEN[kind]} ${alias}`] : []))
}
