import type { LedgerEntry } from '@weapp-auth/emulator/browser'
import type { LedgerEvent } from './events.ts'
import type { Row } from './row.ts'

/** Both halves of what a row belongs to, as text; secrets are masked by the ledger already. */
export interface Exchange {
  request: string
  answer: string | null
}

export function exchangeOf(row: Row, events: readonly LedgerEvent[]): Exchange | null {
  const [event] = row.events
  if (!event) return null
  const { entry } = event
  const other = entry.call === undefined ? undefined : events.find((candidate) => isOtherHalf(candidate, event))
  const begun = event.phase === 'begun' ? event : other
  const ended = event.phase === 'ended' ? event : other
  if (entry.event === 'wx.request' || entry.event === 'wx.uploadFile') return httpExchange(begun, ended)
  if (entry.side === 'wechat') return wechatExchange(begun ?? ended, ended)
  if (entry.side === 'service') {
    const calls = row.events.map(({ entry, atMs }) => {
      const ids = [entry.sessionId && `session ${entry.sessionId}…`, entry.userId && `user ${entry.userId}`]
      const known = ids.filter(Boolean).join(', ')
      const took = entry.startedAtMs === undefined ? '' : `${atMs - entry.startedAtMs} ms`
      return { call: `${entry.event}(${known})`, outcome: [outcomeOf(entry), took].filter(Boolean).join('  ') }
    })
    return { request: calls.map(({ call }) => call).join('\n'), answer: calls.map(({ outcome }) => outcome).join('\n') }
  }
  if (entry.event === 'getPhoneNumber') {
    return { request: '<button open-type="getPhoneNumber">', answer: ended ? plain(ended.entry) : null }
  }
  if (entry.event.startsWith('wx.')) {
    const { key, sync } = entry
    return {
      request: `${entry.event}${sync ? 'Sync' : ''}(${key === undefined ? '' : JSON.stringify(key)})`,
      answer: ended ? plain(ended.entry) : null,
    }
  }
  return null
}

function isOtherHalf(candidate: LedgerEvent, event: LedgerEvent): boolean {
  return (
    candidate.origin === event.origin && candidate.entry.call === event.entry.call && candidate.phase !== event.phase
  )
}

function httpExchange(begun: LedgerEvent | undefined, ended: LedgerEvent | undefined): Exchange {
  const asked = (begun ?? ended)?.entry
  const path = asked ? new URL(String(asked.url)).pathname : ''
  const head = [`${asked?.method} ${path}`, asked?.bearer && `authorization: Bearer ${asked.bearer}`]
  const request = [...head, asked?.requestBody && `\n${pretty(String(asked.requestBody))}`].filter(Boolean).join('\n')
  if (!ended) return { request, answer: null }
  const { statusCode, errMsg, responseBody } = ended.entry
  if (statusCode === undefined) return { request, answer: String(errMsg) }
  return {
    request,
    answer: [String(statusCode), responseBody && pretty(String(responseBody))].filter(Boolean).join('\n\n'),
  }
}

/** What the service sends to WeChat, by the name of the call, and what it gets. Personal data is not in the ledger. */
const WECHAT_CALLS: Record<string, { request(entry: LedgerEntry): string; body(entry: LedgerEntry): object }> = {
  jscode2session: {
    request: ({ appid, code }) =>
      `GET /sns/jscode2session\n  ?appid=${appid}\n  &secret=••••••••\n  &js_code=${code}\n  &grant_type=authorization_code`,
    body: ({ sessionKey }) => ({ openid: 'o••••••••', session_key: sessionKey }),
  },
  stable_token: {
    request: ({ appid }) =>
      `POST /cgi-bin/stable_token\n\n${asJson({ grant_type: 'client_credential', appid, secret: '••••••••' })}`,
    body: ({ accessToken }) => ({ access_token: accessToken, expires_in: 7200 }),
  },
  getuserphonenumber: {
    request: ({ accessToken, code }) =>
      `POST /wxa/business/getuserphonenumber\n  ?access_token=${accessToken}\n\n${asJson({ code, openid: 'o••••••••' })}`,
    body: () => ({ phone_info: { purePhoneNumber: '•••••••••••', countryCode: '86' } }),
  },
}

function wechatExchange(begun: LedgerEvent | undefined, ended: LedgerEvent | undefined): Exchange | null {
  const asked = begun?.entry
  const call = asked && WECHAT_CALLS[asked.event]
  if (!call) return null
  const request = call.request(asked)
  if (!ended) return { request, answer: null }
  const { errcode, fault } = ended.entry
  if (typeof errcode !== 'number') return { request, answer: String(fault) }
  return { request, answer: `200\n\n${asJson({ ...(errcode === 0 && call.body(ended.entry)), errcode })}` }
}

function outcomeOf({ failed, found, isNew, revoked, result }: LedgerEvent['entry']): string {
  if (failed) return String(failed)
  if (found === false) return 'null'
  if (revoked) return `revoked: ${revoked}`
  if (isNew !== undefined) return isNew ? 'a new user' : 'a known user'
  return result === undefined ? 'ok' : String(result)
}

function plain({ code, errMsg, fromCache, found }: LedgerEvent['entry']): string {
  if (errMsg !== undefined) return String(errMsg)
  const facts = {
    ...(code !== undefined && { code }),
    ...(fromCache !== undefined && { fromCache }),
    ...(found !== undefined && { found }),
  }
  return Object.keys(facts).length > 0 ? JSON.stringify(facts) : 'ok'
}

function pretty(text: string): string {
  try {
    return asJson(JSON.parse(text))
  } catch {
    return text
  }
}

function asJson(value: unknown): string {
  return JSON.stringify(value, null, 2)
}
