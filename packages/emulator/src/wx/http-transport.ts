import http from 'node:http'
import https from 'node:https'
import type { Transport, TransportResponse } from './transport.ts'

/** Real HTTP. A connection per request: a kept-alive one that the server just closed would look like an outage. */
export const httpTransport: Transport = ({ url, method, header, body, signal }) =>
  new Promise((resolve, reject) => {
    const target = new URL(url)
    const { request } = target.protocol === 'https:' ? https : http
    const outgoing = request(target, { method, headers: header, signal, agent: false }, (incoming) => {
      readBody(incoming).then((received) => resolve(toResponse(incoming, received)), reject)
    })
    outgoing.on('error', reject)
    outgoing.end(body)
  })

async function readBody(incoming: http.IncomingMessage): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of incoming) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** Header names as the server wrote them, which is what phones show; repeated ones joined. */
function toResponse(incoming: http.IncomingMessage, body: Uint8Array): TransportResponse {
  const header: Record<string, string> = {}
  const { rawHeaders } = incoming
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? ''
    const value = rawHeaders[i + 1] ?? ''
    header[name] = name in header ? `${header[name]},${value}` : value
  }
  return { statusCode: incoming.statusCode ?? 0, header, cookies: incoming.headers['set-cookie'] ?? [], body }
}
