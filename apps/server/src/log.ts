import { type DestinationStream, type Logger, pino } from 'pino'
import type { Config } from './config.ts'

/** JSON lines on stdout. Headers are left out, and of an address the query: somebody may have put a token there. */
export function createLog(level: Config['logLevel'], destination?: DestinationStream): Logger {
  const options = {
    level,
    redact: {
      paths: ['req.headers', 'res.headers', 'req.url'],
      censor: (value: unknown, [, field]: string[]) =>
        field === 'url' ? String(value).split('?', 1)[0] : '[Redacted]',
    },
  }
  return destination ? pino(options, destination) : pino(options)
}
