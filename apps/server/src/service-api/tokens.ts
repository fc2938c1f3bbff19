import { hash, timingSafeEqual } from 'node:crypto'

/** What a caller of the service API may do; each route asks for one of them. */
export const SCOPES = ['read', 'write', 'issue', 'wechat'] as const

/** One of these scopes. */
export type Scope = (typeof SCOPES)[number]

/** One entry of `SERVICE_TOKENS`. The token itself is nowhere in the service. */
export interface ServiceToken {
  /** Stands on every event and line of the log that the token causes. Several tokens may have one name, while one is replaced. */
  name: string
  scopes: ReadonlySet<Scope>
  /** SHA-256 of the token. */
  digest: Buffer
}

const NAME = /^[\w.-]{1,64}$/
const DIGEST = /^[0-9a-f]{64}$/

/** What is wrong with an entry of `SERVICE_TOKENS`. */
export type TokenFault = 'shape' | 'scope' | 'digest' | 'twice'

/** An entry that cannot be used. Nothing of it is quoted: somebody may have put the token itself there. */
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

/** The entry of a token that was presented; null when there is none. It takes as long whichever entry it is. */
export function findServiceToken(tokens: readonly ServiceToken[], presented: string): ServiceToken | null {
  const digest = hash('sha256', presented, 'buffer')
  return tokens.filter((token) => timingSafeEqual(token.digest, digest))[0] ?? null
}
