import { APPID_PATTERN } from '../defaults.ts'
import type { IdentityStore } from '../users/users.ts'

/** The two secrets of a mini-program in WeChat's console, under Development Settings > Message Push. */
export interface PushSecrets {
  /** Token: 3 to 32 letters and digits. */
  token: string
  /** EncodingAESKey: 43 letters and digits. */
  aesKey: string
}

/** The option `push`. */
export interface PushOptions {
  /** By appid. Each must be one of the option `apps`. */
  apps: Readonly<Record<string, PushSecrets>>
  /** Where a user is found by the openid: the store that `createSqlUserStore` makes, or one of your own. */
  identities: IdentityStore
}

/** @throws TypeError that names the mini-program, and never quotes a secret */
export function checkPushApps(apps: PushOptions['apps'], hasApp: (appid: string) => boolean): void {
  for (const [appid, { token, aesKey }] of Object.entries(apps)) {
    if (!APPID_PATTERN.test(appid) || !hasApp(appid))
      throw new TypeError(`push: ${appid} is not one of the option apps`)
    if (!/^[A-Za-z0-9]{3,32}$/.test(token))
      throw new TypeError(`push: the token of ${appid} must be 3 to 32 letters and digits`)
    if (!/^[A-Za-z0-9]{43}$/.test(aesKey)) {
      throw new TypeError(`push: the aesKey of ${appid} must be the EncodingAESKey, 43 letters and digits`)
    }
  }
}
