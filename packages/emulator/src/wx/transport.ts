/** One HTTP exchange, without following redirects. Rejects when no answer came. */
export type Transport = (request: TransportRequest) => Promise<TransportResponse>

/** One HTTP request as it leaves the phone. */
export interface TransportRequest {
  url: string
  method: string
  header: Record<string, string>
  body?: string | Uint8Array
  /** Of the request as a whole; the device enforces it, a transport may. */
  timeoutMs: number
  /** Aborted when nobody waits for the answer any more. */
  signal: AbortSignal
}

/** The answer of the server. */
export interface TransportResponse {
  statusCode: number
  header: Record<string, string>
  /** The `Set-Cookie` lines. Default none. */
  cookies?: string[]
  body: string | Uint8Array
}
