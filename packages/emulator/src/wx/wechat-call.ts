import type { LedgerDetail } from '../ledger.ts'
import { messageOf } from '../message-of.ts'
import { WechatError } from '../wechat-error.ts'
import { WxFailure } from './api-call.ts'
import type { DeviceContext } from './context.ts'
import { cronetFailure } from './network.ts'

/** What the connection does to a call of WeChat's own: its refusals carry an errcode, anything else is the network. */
export async function overNetwork<Result>({ network }: DeviceContext, call: () => Promise<Result>): Promise<Result> {
  let stopListening: (() => void) | undefined
  const lost = new Promise<never>((_resolve, reject) => {
    stopListening = network.onLost(() => reject(cronetFailure(-21, 'ERR_NETWORK_CHANGED')))
  })
  try {
    return await Promise.race([call(), lost])
  } catch (error) {
    if (error instanceof WechatError) throw new WxFailure(`系统错误，错误码：${error.errcode},${error.message}`)
    if (error instanceof WxFailure) throw error
    throw cronetFailure(-2, 'ERR_FAILED')
  } finally {
    stopListening?.()
  }
}

/** Runs `call` and records how it ended. */
export function recorded<Result>(
  { record, begin }: DeviceContext,
  event: string,
  call: () => Promise<Result>,
  detail: (result: Result) => LedgerDetail,
): () => Promise<Result> {
  return async () => {
    const begun = begin(event)
    try {
      const result = await call()
      record(event, { ...begun, ...detail(result) })
      return result
    } catch (error) {
      record(event, { ...begun, errMsg: messageOf(error) })
      throw error
    }
  }
}
