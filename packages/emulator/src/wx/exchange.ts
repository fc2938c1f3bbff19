import type { Fault } from '../faults.ts'
import { WxFailure } from './api-call.ts'
import type { DeviceContext } from './context.ts'
import { withFault } from './device-fault.ts'
import { cronetFailure } from './network.ts'
import type { OutgoingRequest } from './request-options.ts'
import type { Transport, TransportResponse } from './transport.ts'

export interface ExchangeDeps {
  context: Pick<DeviceContext, 'clock' | 'faults' | 'network'>
  send: Transport
  /** The phone's DNS: where a request really goes. */
  resolve: (url: URL) => URL
}

export interface ExchangeOptions {
  /** Which call of the phone it is, for faults. */
  point: 'wx.request' | 'wx.uploadFile' | 'wx.downloadFile'
  redirect: 'follow' | 'manual'
  timeoutMs: number
  signal: AbortSignal
}

/** Sends a request and follows where it is led; rejects with a WxFailure when no answer comes. */
export type Exchange = (request: OutgoingRequest, options: ExchangeOptions) => Promise<TransportResponse>

const MAX_REDIRECTS = 20

export function createExchange({ context, send, resolve }: ExchangeDeps): Exchange {
  return (request, { point, redirect, timeoutMs, signal }) =>
    withFault(context, point, async (fault) => {
      if (fault && (fault.status !== undefined || fault.body !== undefined)) return forcedResponse(fault)

      let next = request
      for (let hops = 0; hops <= MAX_REDIRECTS; hops++) {
        signal.throwIfAborted()
        context.network.assertOnline()
        const { url, ...rest } = next
        const response = await send({ ...rest, url: resolve(new URL(url)).href, timeoutMs, signal }).catch(refuse)
        const location = redirect === 'follow' ? findLocation(response) : null
        if (location === null) return response
        next = redirected(next, response.statusCode, location)
      }
      throw cronetFailure(-310, 'ERR_TOO_MANY_REDIRECTS')
    })
}

function forcedResponse({ status = 200, body = '', headers = {} }: Fault): TransportResponse {
  return { statusCode: status, header: headers, body }
}

function findLocation({ statusCode, header }: TransportResponse): string | null {
  if (![301, 302, 303, 307, 308].includes(statusCode)) return null
  return Object.entries(header).find(([name]) => name.toLowerCase() === 'location')?.[1] ?? null
}

/** Headers travel along, the Authorization too, even to another host: assume the worst of a network stack. */
function redirected(request: OutgoingRequest, statusCode: number, location: string): OutgoingRequest {
  const url = new URL(location, request.url).href
  if (statusCode === 307 || statusCode === 308) return { ...request, url }
  const { body: _body, ...rest } = request
  return { ...rest, url, method: request.method === 'HEAD' ? 'HEAD' : 'GET' }
}

/** The names Chromium's network stack has for what Node reports. */
const CRONET: Record<string, [number, string]> = {
  ECONNREFUSED: [-102, 'ERR_CONNECTION_REFUSED'],
  ECONNRESET: [-101, 'ERR_CONNECTION_RESET'],
  EPIPE: [-101, 'ERR_CONNECTION_RESET'],
  ENOTFOUND: [-105, 'ERR_NAME_NOT_RESOLVED'],
  EAI_AGAIN: [-105, 'ERR_NAME_NOT_RESOLVED'],
  ENETUNREACH: [-109, 'ERR_ADDRESS_UNREACHABLE'],
  EHOSTUNREACH: [-109, 'ERR_ADDRESS_UNREACHABLE'],
  ETIMEDOUT: [-118, 'ERR_CONNECTION_TIMED_OUT'],
  DEPTH_ZERO_SELF_SIGNED_CERT: [-202, 'ERR_CERT_AUTHORITY_INVALID'],
  SELF_SIGNED_CERT_IN_CHAIN: [-202, 'ERR_CERT_AUTHORITY_INVALID'],
}

function refuse(error: unknown): never {
  if (error instanceof WxFailure) throw error
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  throw cronetFailure(...(CRONET[code] ?? [-2, 'ERR_FAILED']))
}
