import { ApiError } from '../api-error.ts'
import { APPID_PATTERN } from '../defaults.ts'
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
   * rotation costs one extra call and not one each time. Secrets that are replaced meanwhile are tried too.
   *
   * @throws ApiError `appid_unknown`, `wechat_misconfigured` when it refuses all of them, or what `call` throws
   */
  use(appid: string, call: (appSecret: string) => Promise<WechatAnswer>): Promise<WechatAnswer>
  /** Which appSecret of each mini-program WeChat took last, counted from 1; null: none since the start. */
  inspect(): { appid: string; secrets: number; secretInUse: number | null }[]
  /** From now on these mini-programs are known, with these appSecrets, and no others. */
  replace(apps: readonly WechatApp[]): void
}

/** @param o.warn told once of each appSecret that WeChat refuses, and again if it had worked in between */
export function createAppSecrets(o: { apps: readonly WechatApp[]; warn: (message: string) => void }): AppSecrets {
  let apps = byAppid(o.apps)
  const working = new Map<string, string>()
  const told = new Set<string>()

  return {
    has: (appid) => apps.has(appid),

    async use(appid, call) {
      const tried = new Set<string>()
      for (;;) {
        const app = apps.get(appid)
        if (!app) throw new ApiError('appid_unknown', 'this appid is not configured')
        const secret = inOrder(app).find((each) => !tried.has(each))
        if (secret === undefined) {
          throw new ApiError('wechat_misconfigured', `WeChat refuses every appSecret of ${appid} (errcode 40125)`)
        }
        tried.add(secret)
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
    },

    inspect: () =>
      [...apps.values()].map(({ appid, secrets }) => {
        const place = secrets.indexOf(working.get(appid) ?? '') + 1
        return { appid, secrets: secrets.length, secretInUse: place === 0 ? null : place }
      }),

    replace(replacement) {
      apps = byAppid(replacement)
      // A place in the list may be another secret's now.
      told.clear()
    },
  }

  function inOrder({ appid, secrets }: WechatApp): readonly string[] {
    const last = working.get(appid)
    return last !== undefined && secrets.includes(last)
      ? [last, ...secrets.filter((secret) => secret !== last)]
      : secrets
  }
}

function byAppid(apps: readonly WechatApp[]): Map<string, WechatApp> {
  return new Map(apps.map((app) => [app.appid, app]))
}

/** @throws TypeError for apps that cannot be used; it quotes no secret */
export function checkApps(apps: readonly WechatApp[]): void {
  if (apps.length === 0) throw new TypeError('apps must name at least one mini-program')
  for (const { appid, secrets } of apps) {
    if (!APPID_PATTERN.test(appid)) throw new TypeError('apps: an appid must have 1 to 64 letters, digits, - or _')
    if (secrets.length === 0 || secrets.includes('')) throw new TypeError(`apps: ${appid} must have a secret`)
  }
  if (new Set(apps.map(({ appid }) => appid)).size < apps.length)
    throw new TypeError('apps must not name an appid twice')
}
