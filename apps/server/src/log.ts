import { type DestinationStream, type Logger, type LoggerOptions, pino } from 'pino'
import type { Config } from './config.ts'

/** What may be there of a request or an answer, whichever code logs it. */
interface Loggable {
  method?: unknown
  url?: unknown
  host?: unknown
  ip?: unknown
  socket?: { remotePort?: unknown }
  statusCode?: unknown
}

/**
 * Only what is named here is written. Headers are not, and of an address its query is not: somebody may have put a token there.
 * (pino's option `redact` copies what it hides something of, which took three times as long as the line.)
 */
const serializers: LoggerOptions['serializers'] = {
  req: ({ method, url, host, ip, socket }: Loggable) => ({
    method,
    url: url === undefined ? undefined : String(url).split('?', 1)[0],
    host,
    remoteAddress: ip,
    remotePort: socket?.remotePort,
  }),
  res: ({ statusCode }: Loggable) => ({ statusCode }),
}

/** JSON lines on stdout, without secrets. */
export function createLog(level: Config['logLevel'], destination?: DestinationStream): Logger {
  const options = { level, serializers }
  return destination ? pino(options, destination) : pino(options)
}
