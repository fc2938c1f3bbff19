import { hash } from 'node:crypto'
import type { FastifyBaseLogger, FastifyRequest } from 'fastify'
import { ApiError } from '../api-error.ts'
import type { CountUse } from '../http/plugins/rate-limit.ts'
import type { PhoneNumber } from '../phone-number.ts'
import type { User } from '../users/users.ts'
import type { WechatGateway } from '../wechat/gateway.ts'
import type { WechatIdentity } from '../wechat-identity.ts'
import type { KeptPhone, PhoneStore } from './phone-store.ts'

/** The option `phones`. */
export interface PhonesOptions {
  /** `createSqlPhoneStore`, or one of your own. */
  store: PhoneStore
  /**
   * Whether the first sign-in of a WeChat identity that comes with a phone code takes over the user whom an import, or
   * `app.weappAuth.setPhone`, gave that number, and who has no identity yet. Needs `autoLogin: false` in the mini-program: a
   * sign-in without a phone code makes a user of its own. Default false.
   */
  linkByPhone?: boolean
}

/** Phone codes, and the numbers of users. */
export interface Phones {
  /** @throws ApiError `request_invalid` for what cannot be a phone code, before anything is spent */
  checkCode(code: string): void
  /**
   * Asks WeChat for the number behind a phone code. That spends the code.
   *
   * @param whose the openid of the user in this mini-program, which WeChat compares; null: the user has none
   * @throws ApiError `rate_limited`, `phone_code_invalid`, `wechat_*`, `store_unavailable` or `internal`
   */
  exchange(
    request: FastifyRequest,
    code: { appid: string; code: string },
    whose: { openid: string } | { userId: string },
  ): Promise<PhoneNumber>
  /** With the option `linkByPhone`: links an identity that no user has to the user who was given this number. */
  link(appid: string, identity: WechatIdentity, phone: PhoneNumber): Promise<void>
  /** Keeps a number that the user has proved. @throws ApiError `store_unavailable`, also when the user is gone */
  bind(user: Pick<User, 'id'>, phone: PhoneNumber): Promise<void>
  find(userId: string): Promise<KeptPhone | null>
  remove(userId: string): Promise<void>
}

/** What {@link createPhones} needs. */
export interface PhonesDeps extends PhonesOptions {
  wechat: WechatGateway
  /** Counts the codes of one user. @throws ApiError `rate_limited` */
  countUse: CountUse
  log: Pick<FastifyBaseLogger, 'info' | 'warn'>
  /** Milliseconds since 1970. */
  now: () => number
}

/** Joins WeChat and the store of numbers. */
export function createPhones(deps: PhonesDeps): Phones {
  const { store, linkByPhone = false, wechat, countUse, log, now } = deps

  return {
    checkCode: (code) => wechat.checkPhoneCode(code),

    async exchange(request, { appid, code }, whose) {
      // A digest, because this key stands in Redis, where no openid may stand.
      await countUse(request, `phone:${hash('sha256', JSON.stringify([appid, whose]), 'base64url')}`)
      return wechat.exchangePhoneCode({ appid, code, openid: 'openid' in whose ? whose.openid : null })
    },

    async link(appid, identity, phone) {
      if (!linkByPhone) return
      const userId = await store.linkHolder(phone, appid, identity, now())
      if (userId !== null) log.info({ userId, appid }, 'an identity was linked by its phone number')
    },

    async bind({ id: userId }, phone) {
      const proof = await store.prove(userId, phone, now(), 'user')
      if (!proof) throw new ApiError('store_unavailable', 'the user is being changed', { retryAfterSeconds: 1 })
      const { movedFrom } = proof
      log.info({ userId, ...(movedFrom && { movedFrom: movedFrom.userId }) }, 'a phone number was proved')
      if (movedFrom && !movedFrom.isProven && linkByPhone) {
        log.warn(
          { userId, otherUserId: movedFrom.userId },
          'a user who was here already proved the number of an account that was given it: they stay two; with autoLogin: false in the mini-program the first sign-in comes with the phone code, and links them',
        )
      }
    },

    find: (userId) => store.find(userId),

    remove: (userId) => store.remove(userId, 'user'),
  }
}
