import type { Clock } from './clock.ts'
import type { Ledger } from './ledger.ts'
import { checkPushTarget, type PushMessage, type PushTarget, writeChallenge, writePush } from './push-message.ts'

/** What WeChat tells a mini-program's server of a user's account. */
export const ACCOUNT_EVENTS = [
  'user_info_modified',
  'user_authorization_revoke',
  'user_authorization_cancellation',
] as const
/** One of these events. */
export type AccountEvent = (typeof ACCOUNT_EVENTS)[number]

/** How a push ended. */
export interface PushResult {
  /** Whether the server took it: status 200 with the body `success` or an empty one. */
  taken: boolean
  /** How often it was sent: WeChat sends a message three times before it gives up. */
  attempts: number
  /** Of the last attempt; null when no answer came within five seconds. */
  statusCode: number | null
}

/** WeChat's message push. */
export interface Pushes {
  /** @throws TypeError for a target that WeChat's console would refuse; WechatError 40013 */
  setTarget(appid: string, target: PushTarget | null): void
  /** Asks the server whether it is the one, as WeChat's console does when the target is entered. */
  verify(appid: string): Promise<boolean>
  /**
   * Tells the server that a user's account changed.
   *
   * @param options.revokeInfo what was withdrawn or changed, see the page; only with the first two events
   * @see https://developers.weixin.qq.com/miniprogram/dev/framework/security.html
   */
  accountEvent(user: string, appid: string, event: AccountEvent, options?: { revokeInfo?: string }): Promise<PushResult>
  /** Any other message, in WeChat's names; the four fields that all have are added. */
  send(user: string, appid: string, message: PushMessage): Promise<PushResult>
}

export interface PushesDeps {
  clock: Clock
  ledger: Ledger
  openidOf: (user: string, appid: string) => string
}

/** @see https://developers.weixin.qq.com/miniprogram/dev/framework/server-ability/message-push.html */
const ANSWER_WITHIN_MS = 5_000
const ATTEMPTS = 3

export function createPushes({ clock, ledger, openidOf }: PushesDeps): Pushes {
  const targets = new Map<string, PushTarget>()
  const nowSeconds = () => Math.floor(clock.now() / 1000)

  function getTarget(appid: string): PushTarget {
    const target = targets.get(appid)
    if (!target) throw new TypeError(`no address is set to push the messages of ${appid} to`)
    return target
  }

  async function send(user: string, appid: string, fields: PushMessage): Promise<PushResult> {
    const openid = openidOf(user, appid)
    const target = getTarget(appid)
    const timestamp = nowSeconds()
    const message = { ToUserName: originalIdOf(appid), FromUserName: openid, CreateTime: timestamp, ...fields }
    // The same bytes each time: WeChat repeats the request, it does not write a new one.
    const { url, contentType, body } = writePush({ target, appid, openid, message, timestamp })
    const about = { appid, user, event: 'push', pushed: String(fields.Event ?? fields.MsgType ?? '') }
    for (let attempt = 1; ; attempt++) {
      const answer = await answerOf(url, { method: 'POST', headers: { 'content-type': contentType }, body })
      const statusCode = answer?.status ?? null
      const taken = statusCode === 200 && /^(success)?$/.test(answer?.text.trim() ?? '')
      ledger.add({ side: 'wechat', ...about, attempt, statusCode, taken })
      if (taken || attempt === ATTEMPTS) return { taken, attempts: attempt, statusCode }
    }
  }

  return {
    setTarget(appid, target) {
      openidOf('', appid)
      if (target) checkPushTarget(target)
      if (target) targets.set(appid, { ...target })
      else targets.delete(appid)
      ledger.add({ side: 'control', event: 'push.target', appid, set: target !== null })
    },
    async verify(appid) {
      const { url, echostr } = writeChallenge(getTarget(appid), nowSeconds())
      const response = await answerOf(url)
      return response?.text.trim() === echostr
    },
    accountEvent: (user, appid, event, { revokeInfo } = {}) =>
      send(user, appid, {
        MsgType: 'event',
        Event: event,
        OpenID: openidOf(user, appid),
        AppID: appid,
        ...(revokeInfo !== undefined && { RevokeInfo: revokeInfo }),
      }),
    send,
  }
}

/** null when no answer came. A redirect is not followed. */
async function answerOf(url: string, init: RequestInit = {}): Promise<{ status: number; text: string } | null> {
  try {
    const signal = AbortSignal.timeout(ANSWER_WITHIN_MS)
    const response = await fetch(url, { ...init, redirect: 'manual', signal })
    return { status: response.status, text: await response.text() }
  } catch {
    return null
  }
}

/** 原始 ID, the name under which a mini-program is known there. */
function originalIdOf(appid: string): string {
  return `gh_${appid.replace(/^wx/, '').slice(0, 12)}`
}
