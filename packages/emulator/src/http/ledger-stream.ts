import type { ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import type { Ledger, LedgerEntry, LedgerStart } from '../ledger.ts'

/** The ledger as it grows, as server-sent events: `begun` for a call that begins, `ended` for an entry. */
export function createLedgerStreams(ledger: Ledger) {
  const open = new Set<ServerResponse>()

  function tell(phase: 'begun' | 'ended', event: LedgerStart | LedgerEntry): void {
    const message = `event: ${phase}\ndata: ${JSON.stringify(event)}\n\n`
    for (const response of open) response.write(message)
  }

  ledger.onBegin((start) => tell('begun', start))
  ledger.onEntry((entry) => tell('ended', entry))

  return {
    /** Answers with everything that happens from now on. */
    open(reply: FastifyReply): FastifyReply {
      reply.hijack()
      const { raw } = reply
      raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' })
      raw.write(': the ledger of the emulator\n\n')
      open.add(raw)
      raw.once('close', () => open.delete(raw))
      return reply
    },
    closeAll(): void {
      for (const response of open) response.end()
    },
  }
}
