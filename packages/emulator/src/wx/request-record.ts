import { forbiddenIn } from '../forbidden.ts'
import type { Ledger, LedgerDetail } from '../ledger.ts'
import type { Failure } from './api-call.ts'
import type { OutgoingRequest } from './request-options.ts'

/** How a request ended: what `success` gets, or `fail`. */
export type Outcome<Result> = { result: Result & { errMsg: string } } | { failure: Failure }

/** Characters of a body that the ledger keeps. */
const LONGEST_BODY = 4_000

/** What the ledger is told about a request: its address without the query, tokens by their alias, and bodies if asked for. */
export function createRequestRecord(ledger: Ledger, { bodies }: { bodies: boolean }) {
  function describe(
    outgoing: OutgoingRequest | null,
    outcome: Outcome<{ statusCode: number; data?: unknown }>,
  ): LedgerDetail {
    const end =
      'result' in outcome
        ? { statusCode: outcome.result.statusCode, ...problemOf(outcome.result) }
        : { errMsg: outcome.failure.errMsg }
    const given = 'result' in outcome ? tokenIn(outcome.result.data) : null
    const token = given === null ? {} : { token: ledger.alias('token', given) }
    const answer = bodies && 'result' in outcome ? describeBody(outcome.result.data) : {}
    return { ...(outgoing && describeRequest(outgoing)), ...end, ...token, ...answer }
  }

  function describeRequest({ url, method, header, body }: OutgoingRequest): LedgerDetail {
    const token = /^Bearer (.+)$/i.exec(header.authorization ?? '')?.[1]
    const bearer = token === undefined ? false : ledger.alias('token', token)
    return {
      method,
      url: url.replace(/[?#].*$/s, ''),
      bearer,
      ...(bodies && body !== undefined && { requestBody: masked(body) }),
    }
  }

  function describeBody(body: unknown): LedgerDetail {
    const secrets = forbiddenIn(ledger, bodyText(body)).join(', ')
    return { responseBody: masked(body), ...(secrets !== '' && { secrets }) }
  }

  const masked = (body: unknown) => ledger.redact(bodyText(body)).slice(0, LONGEST_BODY)

  return { describe, describeRequest }
}

/** The problem code of an RFC 9457 body, and the reason some carry. */
function problemOf({ statusCode, data }: { statusCode: number; data?: unknown }): { code?: string; reason?: string } {
  if (statusCode < 400 || typeof data !== 'object' || data === null) return {}
  const { code, reason } = data as Record<string, unknown>
  return { ...(typeof code === 'string' && { code }), ...(typeof reason === 'string' && { reason }) }
}

/** Anything shorter is no secret, and would be found inside ordinary words. */
const SHORTEST_TOKEN = 16

/** A token that an answer hands out, as the body of `POST /v1/sessions` does. */
function tokenIn(data: unknown): string | null {
  const token = typeof data === 'object' && data !== null && 'token' in data ? data.token : null
  return typeof token === 'string' && token.length >= SHORTEST_TOKEN ? token : null
}

function bodyText(body: unknown): string {
  if (body instanceof Uint8Array) return '(bytes)'
  return typeof body === 'string' ? body : (JSON.stringify(body) ?? '')
}
