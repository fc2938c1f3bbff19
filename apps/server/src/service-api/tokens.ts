import { hash, timingSafeEqual } from 'node:crypto'

/** What a caller of the service API may do. Each route needs one of these scopes. */
export const SCOPES = ['read', 'write', 'issue', 'wechat'] as const

/** One of these scopes. */
export type Scope = (typeof SCOPES)[number]

/** One entry of `SERVICE_TOKENS`. The service never holds the token itself, only its digest. */
export interface ServiceToken {
  /** Names the token in events and in the log. While a token is replaced, the old one and the new one may have the same name. */
  name: string
  scopes: ReadonlySet<Scope>
  /** SHA-256 of the token. */
  digest: Buffer
}

const NAME = /^[\w.-]{1,64}$/
const DIGEST = /^[0-9a-f]{64}$/

/** What is wrong with an entry of `SERVICE_TOKENS`. */
export type TokenFault = 'shape' | 'scope' | 'digest' | 'twice'

/** Says which entry cannot be used. It quotes nothing, because somebody may have put the token itself there. */
export class ServiceTokensError extends TypeError {
  override readonly name = 'ServiceTokensError'
  readonly fault: TokenFault
  /** Which entry, counted from 1. */
  readonly place: number

  constructor(fault: TokenFault, place: number) {
    super(`entry ${place} of the service tokens cannot be used: ${fault}`)
    this.fault = fault
    this.place = place
  }
}

/**
 * Reads `name:scope+scope:sha256hex,…`.
 *
 * @throws ServiceTokensError
 */
export function parseServiceTokens(text: string): ServiceToken[] {
  const seen = new Set<string>()
  return text.split(',').map((entry, index) => {
    const refuse = (fault: TokenFault) => new ServiceTokensError(fault, index + 1)
    const [name = '', scopes = '', digest = '', ...rest] = entry.trim().split(':')
    if (!NAME.test(name) || scopes === '' || rest.length > 0) throw refuse('shape')
    const names = scopes.split('+')
    if (!names.every(isScope)) throw refuse('scope')
    if (!DIGEST.test(digest)) throw refuse('digest')
    if (seen.has(digest)) throw refuse('twice')
    seen.add(digest)
    return { name, scopes: new Set(names), digest: Buffer.from(digest, 'hex') }
  })
}

/** Whether a text is a {@link Scope}. */
export function isScope(text: string): text is Scope {
  return (SCOPES as readonly string[]).includes(text)
}

/** The entry of a presented token, or null. It takes the same time for every entry. */
export function findServiceToken(tokens: readonly ServiceToken[], presented: string): ServiceToken | null {
  const digest = hash('sha256', presented, 'buffer')
  return tokens.filter((token) => timingSafeEqual(token.digest, digest))[0] ?? null
}
