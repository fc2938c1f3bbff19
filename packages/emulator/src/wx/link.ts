import type { Ledger, LedgerEntry } from '../ledger.ts'
import type { UserInfo } from '../open-data.ts'
import { WechatError } from '../wechat-error.ts'
import type { PhoneNumberGift, World } from '../world.ts'

/** Carries what the world's ledger calls the code of a login to a phone in another process. */
export const CODE_ALIAS_HEADER = 'x-emulator-code'

/** How a phone reaches WeChat: in process, or over the control API of a running service. */
export interface WechatLink {
  appids(): Promise<string[]>
  /** `alias`: what the world's ledger calls the code. */
  login(user: string, appid: string): Promise<{ code: string; alias?: string }>
  checkSession(user: string, appid: string): Promise<boolean>
  userInfo(user: string, appid: string): Promise<UserInfo>
  /** What a tap on a `getPhoneNumber` button gives; `alias` as above. */
  phoneNumber(user: string, appid: string): Promise<PhoneNumberGift & { alias?: string }>
  /** What the user answered to `wx.requestSubscribeMessage`. */
  subscribe(user: string, appid: string, templates: readonly string[], accepted: boolean): Promise<void>
  /** What the world's ledger holds, for a phone that keeps another one. */
  entries?(): Promise<readonly LedgerEntry[]>
  /** The world's own ledger, where it is in this process. */
  ledger?: Ledger
}

/** The way to a world in this process. */
export function localLink(world: World): WechatLink {
  return {
    ledger: world.ledger,
    appids: async () => world.apps.map(({ appid }) => appid),
    login: async (user, appid) => world.login(user, appid),
    checkSession: async (user, appid) => world.checkSession(user, appid),
    userInfo: async (user, appid) => world.userInfo(user, appid),
    phoneNumber: async (user, appid) => world.phoneNumber(user, appid),
    subscribe: async (user, appid, templates, accepted) => world.subscriptions.answer(user, appid, templates, accepted),
    entries: async () => world.ledger.entries(),
  }
}

/** @param controlUrl where the control API is mounted, e.g. `http://127.0.0.1:3000/emulator` */
export function remoteLink(controlUrl: string): WechatLink {
  async function call(path: string, body?: object): Promise<{ answer: Record<string, unknown>; header: Headers }> {
    const response = await fetch(`${controlUrl}${path}`, {
      signal: AbortSignal.timeout(REMOTE_TIMEOUT_MS),
      ...(body && { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    }).catch((cause: unknown) => {
      throw new Error(`cannot reach ${controlUrl}`, { cause })
    })
    const answer = parseObject(await response.text())
    if (typeof answer?.errcode === 'number') throw new WechatError(answer.errcode)
    if (!response.ok || !answer)
      throw new Error(`there is no emulator at ${controlUrl}: ${path} answered ${response.status}`)
    return { answer, header: response.headers }
  }

  return {
    async appids() {
      const { answer } = await call('/world')
      return Array.isArray(answer.apps) ? answer.apps.map(String) : []
    },
    async login(user, appid) {
      const { answer, header } = await call('/wx-login', { user, appid })
      const alias = header.get(CODE_ALIAS_HEADER)
      return { code: String(answer.code), ...(alias && { alias }) }
    },
    async checkSession(user, appid) {
      return (await call('/check-session', { user, appid })).answer.valid === true
    },
    async userInfo(user, appid) {
      return (await call('/user-info', { user, appid })).answer as unknown as UserInfo
    },
    async phoneNumber(user, appid) {
      const { answer, header } = await call('/phone-code', { user, appid })
      const alias = header.get(CODE_ALIAS_HEADER)
      const [code, encryptedData, iv] = [answer.code, answer.encryptedData, answer.iv].map(String) as [
        string,
        string,
        string,
      ]
      return { code, encryptedData, iv, ...(alias && { alias }) }
    },
    async subscribe(user, appid, templates, accepted) {
      await call('/subscribe', { user, appid, templates, accepted })
    },
    async entries() {
      const { entries } = (await call('/ledger')).answer
      return Array.isArray(entries) ? entries : []
    },
  }
}

const REMOTE_TIMEOUT_MS = 10_000

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const parsed: unknown = JSON.parse(text)
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : null
  } catch {
    return null
  }
}
