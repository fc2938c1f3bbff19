import type { LedgerEvent } from './events.ts'
import type { Row } from './rows.ts'

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
  if (entry.event === 'jscode2session') return wechatExchange(begun ?? ended, ended)
  if (entry.side === 'service') {
    const calls = row.events.map(({ entry, atMs }) => {
      const ids = [entry.sessionId && `session ${entry.sessionId}…`, entry.userId && `user ${entry.userId}`]
      const known = ids.filter(Boolean).join(', ')
      const took = entry.startedAtMs === undefined ? '' : `${atMs - entry.startedAtMs} ms`
      return { call: `${entry.event}(${known})`, outcome: [outcomeOf(entry), took].filter(Boolean).join('  ') }
    })
    return { request: calls.map(({ call }) => call).join('\n'), answer: calls.map(({ outcome }) => outcome).join('\n') }
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

function wechatExchange(begun: LedgerEvent | undefined, ended: LedgerEvent | undefined): Exchange {
  const appid = begun?.entry.appid
  const code = begun?.entry.code
  const request = `GET /sns/jscode2session\n  ?appid=${appid}\n  &secret=••••••••\n  &js_code=${code}\n  &grant_type=authorization_code`
  if (!ended) return { request, answer: null }
  const { errcode, sessionKey, fault } = ended.entry
  if (errcode === 0) {
    const body = { openid: 'o••••••••', session_key: sessionKey, errcode }
    return { request, answer: `200\n\n${JSON.stringify(body, null, 2)}` }
  }
  return {
    request,
    answer: typeof errcode === 'number' ? `200\n\n${JSON.stringify({ errcode }, null, 2)}` : String(fault),
  }
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
    return JSON.stringify(JSON.parse(text), null, 2)
  } catch {
    return text
  }
}
