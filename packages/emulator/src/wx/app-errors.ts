import type { Ledger, LedgerDetail } from '../ledger.ts'
import type { AppThread } from './app-thread.ts'
import { createListeners } from './listeners.ts'

export interface UnhandledRejection {
  reason: unknown
  promise: Promise<unknown>
}

export interface AppErrorsDeps {
  ledger: Ledger
  record: (event: string, detail?: LedgerDetail) => void
}

/** What the app's own code threw or left rejected: for `App.onError`, `wx.onError`, the tester and the ledger. */
export function createAppErrors({ ledger, record }: AppErrorsDeps) {
  // Not the app's thread: a listener that throws must not be reported to itself.
  const quiet: Pick<AppThread, 'run'> = { run: runQuietly }
  const errors = createListeners<string>(quiet)
  const rejections = createListeners<UnhandledRejection>(quiet)
  const outside = new Set<(error: Error) => void>()

  function tell(event: string, error: Error): void {
    record(event, { name: error.name, message: ledger.redact(error.message) })
    for (const listener of outside) listener(error)
  }

  return {
    report(error: unknown): void {
      const reported = toError(error)
      tell('app.error', reported)
      // WeChat hands over text, the stack included.
      errors.emit(reported.stack ?? reported.message)
    },
    reportRejection(reason: unknown, promise: Promise<unknown>): void {
      tell('app.unhandledRejection', toError(reason))
      rejections.emit({ reason, promise })
    },
    onError(listener: (error: Error) => void): () => void {
      outside.add(listener)
      return () => outside.delete(listener)
    },
    clear(): void {
      errors.clear()
      rejections.clear()
    },
    api: {
      onError: errors.on,
      offError: errors.off,
      onUnhandledRejection: rejections.on,
      offUnhandledRejection: rejections.off,
    },
  }
}

function runQuietly(task: () => void): void {
  try {
    task()
  } catch {
    // An error handler of the app that fails has nobody left to tell.
  }
}

/** Errors of the app come from another realm, and `wx` rejects with plain objects. */
function toError(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown
  if (typeof thrown !== 'object' || thrown === null) return new Error(String(thrown))
  const { name, message, stack, errMsg } = thrown as Record<string, unknown>
  const error = new Error(
    typeof message === 'string' ? message : typeof errMsg === 'string' ? errMsg : JSON.stringify(thrown),
  )
  if (typeof name === 'string') error.name = name
  if (typeof stack === 'string') error.stack = stack
  return error
}
