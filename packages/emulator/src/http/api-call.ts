import { randomBytes } from 'node:crypto'
import type { FastifyReply } from 'fastify'
import type { Fault, FaultPoint } from '../faults.ts'
import type { LedgerDetail } from '../ledger.ts'
import { WechatError } from '../wechat-error.ts'
import type { World } from '../world.ts'
import type { Params } from './query.ts'

/** One address of WeChat's HTTP API. */
export interface ApiRoute {
  method: 'GET' | 'POST'
  path: string
  point: FaultPoint
  /** Reads a request; what is returned is the call itself. */
  prepare(request: ApiRequest): ApiCall['run']
}

export interface ApiRequest {
  query: Params
  /** The parsed JSON; undefined for what is none. */
  body: unknown
  /** What the ledger says of the call; no secrets. A success may add to it while it runs. */
  detail: LedgerDetail
}

export interface ApiCall {
  point: FaultPoint
  detail: LedgerDetail
  /** Answers with what is sent as JSON, or with the bytes of a JPEG. @throws WechatError */
  run: () => object | Uint8Array
}

/** @throws WechatError 47001 for a body that is no JSON object */
export function jsonBody(body: unknown): Record<string, unknown> {
  if (typeof body === 'object' && body !== null && !Array.isArray(body)) return body as Record<string, unknown>
  throw new WechatError(47001)
}

/** The access_token of a query under its name in the ledger. */
export function namedToken({ ledger }: World, { access_token }: Params): LedgerDetail {
  return { accessToken: access_token && ledger.alias('accessToken', access_token) }
}

/**
 * Answers one call of WeChat's HTTP API the way WeChat does, faults included: JSON labelled `text/plain`, and HTTP 200
 * with an `errcode` for business errors.
 */
export async function answer(world: World, reply: FastifyReply, call: ApiCall): Promise<FastifyReply> {
  const begun = world.ledger.begin({ side: 'wechat', event: call.point, ...call.detail })
  const fault = world.faults.take(call.point)
  if (fault?.delayMs) await new Promise<void>((resolve) => world.clock.setTimeout(resolve, fault.delayMs ?? 0))

  const spoilt = fault !== null && isSpoiling(fault)
  const body = spoilt && !fault.applied ? null : runCall(call)
  const answered = spoilt && fault.errcode !== undefined ? errorBody(new WechatError(fault.errcode)) : body
  const picture = answered instanceof Uint8Array ? answered : null
  const errcode = spoilt && fault.errcode === undefined ? null : answered instanceof Uint8Array ? 0 : answered?.errcode
  const content = fault?.body ?? picture ?? JSON.stringify(answered ?? errorBody(new WechatError(-1)))
  world.ledger.add({ side: 'wechat', event: call.point, ...begun, ...call.detail, errcode, ...describe(fault) })

  if (fault?.hang || fault?.reset) return breakOff(reply, fault, content)
  return reply
    .code(fault?.status ?? 200)
    .headers({ 'content-type': picture ? 'image/jpeg' : 'text/plain', ...fault?.headers })
    .send(content)
}

/** Whether the caller gets something else than the call's own answer. */
function isSpoiling({ hang, reset, errcode, status, body }: Fault): boolean {
  return Boolean(hang || reset) || errcode !== undefined || status !== undefined || body !== undefined
}

type Body = { errcode: number; errmsg?: string }

function runCall(call: ApiCall): Body | Uint8Array {
  try {
    const answered = call.run()
    // The 2026 revision of the page shows `errcode: 0` in a success: 小程序登录凭证校验.
    return answered instanceof Uint8Array ? answered : { errcode: 0, errmsg: '', ...answered }
  } catch (error) {
    if (!(error instanceof WechatError)) throw error
    return errorBody(error)
  }
}

/** How WeChat tells an error. */
export function errorBody({ errcode, message }: WechatError): Body {
  const rid = [4, 4, 4].map((bytes) => randomBytes(bytes).toString('hex')).join('-')
  return { errcode, errmsg: `${message}, rid: ${rid}` }
}

/** Which kinds of fault hit the call: their values may be long, or carry what a ledger must not. */
function describe(fault: Fault | null): LedgerDetail {
  if (!fault) return {}
  const { times: _times, ...kinds } = fault
  return { fault: Object.keys(kinds).join(' ') }
}

/** Below HTTP: a reset is a TCP RST; a hang leaves the socket open until the caller or the server closes it. */
function breakOff(reply: FastifyReply, fault: Fault, body: string | Uint8Array): FastifyReply {
  reply.hijack()
  if (fault.reset) reply.raw.socket?.resetAndDestroy()
  else if (fault.hang === 'body') {
    reply.raw.writeHead(fault.status ?? 200, {
      'content-type': 'text/plain',
      'content-length': Buffer.byteLength(body),
    })
    reply.raw.write(body.slice(0, Math.floor(body.length / 2)))
  }
  return reply
}
