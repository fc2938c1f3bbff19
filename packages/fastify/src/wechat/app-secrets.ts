import { ApiError } from '../api-error.ts'
import type { WechatAnswer } from './api-call.ts'
import { INVALID_APP_SECRET } from './errcodes.ts'

/** One mini-program. */
export interface WechatApp {
  appid: string
  /** During a rotation the old and the new one: the next is tried when WeChat refuses one (errcode 40125). */
  secrets: readonly string[]
}

/** The appSecrets of our mini-programs; they leave this object only in calls to WeChat. */
export interface AppSecrets {
  has(appid: string): boolean
  /**
   * WeChat's answer to the first appSecret that it does not refuse. The one that worked last comes first, so that a
   * rotation costs one extra call and not one each time.
   *
   * @throws ApiError `appid_unknown`, `wechat_misconfigured` when it refuses all of them, or what `call` throws
   */
  use(appid: string, call: (appSecret: string) => Promise<WechatAnswer>): Promise<WechatAnswer>
}

/** @param o.warn told once of each appSecret that WeChat refuses, and again if it had worked in between */
export function createAppSecrets(o: { apps: readonly WechatApp[]; warn: (message: string) => void }): AppSecrets {
  const apps = new Map(o.apps.map((app) => [app.appid, app]))
  const working = new Map<string, string>()
  const told = new Set<string>()

  return {
    has: (appid) => apps.has(appid),

    async use(appid, call) {
      const app = apps.get(appid)
      if (!app) throw new ApiError('appid_unknown', 'this appid is not configured')
      for (const secret of inOrder(app)) {
        const place = `appSecret ${app.secrets.indexOf(secret) + 1} of ${app.secrets.length} of ${appid}`
        const answer = await call(secret)
        if (answer.errcode !== INVALID_APP_SECRET) {
          working.set(appid, secret)
          told.delete(place)
          return answer
        }
        if (!told.has(place)) o.warn(`WeChat refuses ${place} (errcode 40125): remove it or correct it`)
        told.add(place)
      }
      throw new ApiError('wechat_misconfigured', `WeChat refuses every appSecret of ${appid} (errcode 40125)`)
    },
  }

  function inOrder({ appid, secrets }: WechatApp): readonly string[] {
    const last = working.get(appid)
    return last === undefined ? secrets : [last, ...secrets.filter((secret) => secret !== last)]
  }
}
