import { messageOf } from '../message-of.ts'
import type { AppThread } from './app-thread.ts'

/** What every API of `wx` says when it failed. */
export interface Failure {
  errMsg: string
  errno?: number
  /** An older number that some APIs have. */
  errCode?: number
}

/** The three callbacks every asynchronous API of `wx` takes. */
export interface Callbacks<Result extends object = object> {
  success?: (result: Result & { errMsg: string }) => void
  fail?: (failure: Failure) => void
  complete?: (result: (Result & { errMsg: string }) | Failure) => void
}

/** Why a call failed; becomes `<api>:fail <reason>`. */
export class WxFailure extends Error {
  override readonly name = 'WxFailure'
  readonly errno: number | undefined
  readonly errCode: number | undefined

  constructor(reason: string, errno?: number, errCode?: number) {
    super(reason)
    this.errno = errno
    this.errCode = errCode
  }
}

/** @param reason one that begins with a colon stands as it is: native layers answer `setStorage:fail:quota reached` */
export function failureOf(api: string, error: unknown): Failure {
  const reason = messageOf(error)
  const errMsg = reason.startsWith(':') ? `${api}:fail${reason}` : `${api}:fail ${reason}`
  if (!(error instanceof WxFailure)) return { errMsg }
  const { errno, errCode } = error
  return { errMsg, ...(errno !== undefined && { errno }), ...(errCode !== undefined && { errCode }) }
}

/** Tells the app how a call ended: `complete` follows `success` or `fail`, even when those throw. */
export function conclude<Result extends object>(
  thread: AppThread,
  { success, fail, complete }: Callbacks<Result>,
  outcome: { result: Result & { errMsg: string } } | { failure: Failure },
): void {
  if ('result' in outcome) thread.run(() => success?.(outcome.result))
  else thread.run(() => fail?.(outcome.failure))
  thread.run(() => complete?.('result' in outcome ? outcome.result : outcome.failure))
}

/** Runs an API for its callbacks. */
export function callApi<Result extends object>(
  thread: AppThread,
  api: string,
  callbacks: Callbacks<Result>,
  run: () => Result | Promise<Result>,
): void {
  const comeBack = thread.open()
  const finish = (outcome: Parameters<typeof conclude<Result>>[2]) => {
    comeBack(() => conclude(thread, callbacks, outcome))
  }
  const attempt = async () => {
    try {
      const result = await run()
      finish({ result: { ...result, errMsg: `${api}:ok` } })
    } catch (error) {
      finish({ failure: failureOf(api, error) })
    }
  }
  void attempt()
}

/**
 * Runs an API in either style: a promise when none of the callbacks is passed, nothing otherwise.
 *
 * @see https://developers.weixin.qq.com/miniprogram/dev/framework/app-service/api.html
 */
export function callEitherStyle<Result extends object>(
  thread: AppThread,
  api: string,
  options: Callbacks<Result>,
  run: () => Result | Promise<Result>,
): Promise<Result & { errMsg: string }> | undefined {
  if (options.success || options.fail || options.complete) {
    callApi(thread, api, options, run)
    return undefined
  }
  return new Promise((resolve, reject) => {
    callApi(thread, api, { success: resolve, fail: reject }, run)
  })
}
