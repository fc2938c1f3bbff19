import { ConfigError } from './config.ts'

/** What an operator reads when the service cannot start: one line, or one line a problem, that says what to do. */
export function explainStartError(error: unknown, env: Readonly<Record<string, string | undefined>>): string {
  if (!(error instanceof Error)) return String(error)
  if (error instanceof ConfigError) return error.message
  const { code, syscall } = error as NodeJS.ErrnoException
  const port = env.PORT || '3000'
  if (code === 'EADDRINUSE') return `port ${port} is in use: stop what listens there, or set PORT (0 picks a free one)`
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return `HOST ${env.HOST} is not an address of this machine`
  if (code === 'EACCES' && syscall === 'listen') return `port ${port} is reserved: set PORT to one above 1023`
  if (syscall === 'mkdir' || syscall === 'open') {
    return `DATA_DIR ${env.DATA_DIR || './data'} cannot be written (${code}): make it writable, or set DATA_DIR`
  }
  if (error.message.startsWith('cannot open the database')) return `${error.message}: see DATA_DIR and its permissions`
  return error.message
}
