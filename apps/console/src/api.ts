// Everything that the page asks of the service API.
import { signal } from '@preact/signals'

/** The service token, in memory alone: it is typed again after the page was loaded again. Empty: nobody has signed in. */
export const token = signal('')

/** A service that does not answer in this time is taken to be away. */
const TIMEOUT_MS = 20_000

/** Why a request failed: a problem of the service (RFC 9457), or no answer at all. */
export class ApiProblem extends Error {
  /** 0: no answer. */
  readonly status: number
  /** A code of the service; `no_answer`. */
  readonly code: string
  /** The id of this request in the log of the service; empty without an answer. */
  readonly requestId: string

  constructor(status: number, { code = 'no_answer', detail = '', title = '', requestId = '' }: Partial<ProblemBody>) {
    super(detail || title)
    this.status = status
    this.code = code
    this.requestId = requestId
  }
}

interface ProblemBody {
  code: string
  detail: string
  title: string
  requestId: string
}

/**
 * @param sender the token to send; default: the one that is kept
 * @throws ApiProblem
 */
export async function call<T>(method: string, path: string, body?: unknown, sender = token.value): Promise<T> {
  const options: RequestInit = {
    method,
    headers: {
      authorization: `Bearer ${sender}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    cache: 'no-store',
    credentials: 'omit',
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }
  const { response, text } = await send(`service/v1${path}`, options)
  if (!response.ok) throw new ApiProblem(response.status, parse(text))
  return (text === '' ? null : JSON.parse(text)) as T
}

/** The connection may also end in the middle of an answer. */
async function send(url: string, options: RequestInit): Promise<{ response: Response; text: string }> {
  try {
    const response = await fetch(url, options)
    return { response, text: await response.text() }
  } catch {
    throw new ApiProblem(0, {})
  }
}

/** Empty for what is no JSON: a proxy in between may answer a page. */
function parse(text: string): Partial<ProblemBody> {
  try {
    return Object(JSON.parse(text)) as Partial<ProblemBody>
  } catch {
    return {}
  }
}

export interface User {
  id: string
  createdAt: string
  externalId: string | null
  profile: { nickname: string; avatarUrl: string }
  disabled: { at: string; until: string | null; reason: string } | null
}

export interface Session {
  id: string
  appid: string
  createdAt: string
  lastSeenAt: string
  expiresAt: string
  device?: { platform?: string; model?: string; system?: string; wechatVersion?: string }
}

export interface AuthEvent {
  id: string
  at: string
  type: string
  by: string
  userId: string | null
  otherUserId: string | null
  data: Record<string, unknown>
}

export interface EventsPage {
  events: AuthEvent[]
  next: string | null
}

/** The path of one user, whatever is in the id. */
export function userPath(id: string, rest = ''): string {
  return `/users/${encodeURIComponent(id)}${rest}`
}
