import { inLanguage, type Language, type Say } from './language.ts'

/**
 * What an operator reads when the service cannot start: one line, or one line a problem, that says what to do. An error that
 * is not foreseen here says what it says by itself; one of the configuration is in the reader's language already.
 */
export function explainStartError(
  error: unknown,
  env: Readonly<Record<string, string | undefined>>,
  language: Language,
): string {
  if (!(error instanceof Error)) return String(error)
  return explain(error, env, inLanguage(language)) ?? error.message
}

function explain(
  error: NodeJS.ErrnoException,
  env: Readonly<Record<string, string | undefined>>,
  say: Say,
): string | null {
  const { code, syscall } = error
  const { port: taken, address, hostname } = error as Partial<Record<'port' | 'address' | 'hostname', unknown>>
  const isService = String(taken) === env.SERVICE_PORT
  const variable = isService ? 'SERVICE_PORT' : 'PORT'
  const port = isService ? env.SERVICE_PORT : env.PORT || '3000'
  const folder = env.DATA_DIR || './data'
  if (code === 'EADDRINUSE') {
    return say(
      `port ${port} is in use: stop what listens there, or set ${variable} (0 picks a free one)`,
      `端口 ${port} 已被占用：请停止占用它的程序，或设置 ${variable}（0 表示自动选一个空闲端口）`,
    )
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    const isServiceHost = env.SERVICE_HOST !== undefined && [address, hostname].includes(env.SERVICE_HOST)
    const host = isServiceHost ? `SERVICE_HOST ${env.SERVICE_HOST}` : `HOST ${env.HOST}`
    return say(`${host} is not an address of this machine`, `${host} 不是本机的地址`)
  }
  if (code === 'EACCES' && syscall === 'listen') {
    return say(
      `port ${port} is reserved: set ${variable} to one above 1023`,
      `端口 ${port} 需要特权：请把 ${variable} 设为 1023 以上`,
    )
  }
  if (syscall === 'mkdir' || syscall === 'open') {
    return say(
      `DATA_DIR ${folder} cannot be written (${code}): make it writable, or set DATA_DIR`,
      `DATA_DIR ${folder} 无法写入（${code}）：请让它可写，或设置 DATA_DIR`,
    )
  }
  if (error.message.startsWith('cannot open the database')) {
    return say(`${error.message}: see DATA_DIR and its permissions`, `${error.message}：请检查 DATA_DIR 和它的权限`)
  }
  return null
}
