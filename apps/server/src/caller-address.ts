import type { FastifyInstance, FastifyRequest } from 'fastify'

/**
 * Reads the address of a caller behind a proxy as the proxy writes it, and says once when proxies are there and
 * `TRUST_PROXY` is not set. Must be the first hook.
 */
export function readCallerAddress(app: FastifyInstance, trustProxy: readonly string[]): void {
  let isTold = false
  app.addHook('onRequest', (request, _reply, done) => {
    const forwarded = request.headers['x-forwarded-for']
    if (forwarded !== undefined) read(request, String(forwarded))
    done()
  })

  function read(request: FastifyRequest, forwarded: string): void {
    // Some proxies add the port. With it, each connection would be another caller, and no limit would hold.
    request.headers['x-forwarded-for'] = forwarded.split(',').map(withoutPort).join(', ')
    if (trustProxy.length > 0 || isTold) return
    isTold = true
    request.log.warn(
      'requests come through a proxy (X-Forwarded-For), and TRUST_PROXY is not set: all phones behind it share one limit of sign-ins; set TRUST_PROXY to the addresses of the proxy',
    )
  }
}

/** `192.0.2.1:4711` and `[2001:db8::1]:4711` as addresses; everything else as it is. */
function withoutPort(text: string): string {
  const entry = text.trim()
  const [, v6, v4] = /^\[([\da-fA-F:.]+)\](?::\d+)?$|^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(entry) ?? []
  return v6 ?? v4 ?? entry
}
