import { ROUTES } from '@weapp-auth/shared'
import { present } from '../http/bodies.ts'
import { authenticate } from '../http/plugins/authenticate.ts'
import { BindPhoneRequest, BindPhoneResponse, NoContent } from '../http/schemas.ts'
import type { TypedRoutes } from '../http/typed-routes.ts'
import { maskPhone } from '../phone-number.ts'
import type { UserStore } from '../users/users.ts'
import type { Phones } from './phones.ts'

/** Where the caller's phone number is kept. */
export interface PhoneRoutesOptions {
  users: UserStore
  phones: Phones
}

/** The phone number of the caller. */
export const phoneRoutes: TypedRoutes<PhoneRoutesOptions> = async (app, { users, phones }) => {
  app.post(
    ROUTES.phone,
    { onRequest: authenticate, schema: { body: BindPhoneRequest, response: { 200: BindPhoneResponse } } },
    async (request) => {
      const { userId, appid } = request.auth
      const { code } = request.body
      phones.checkCode(code)
      // Before the code is spent: there is somebody whose number it will be, and the store takes what will be written.
      const user = present(await users.findUser(userId))
      await users.ping()
      const identity = await users.findIdentity(userId, appid)
      const phone = await phones.exchange(request, { appid, code }, identity ? { openid: identity.openid } : { userId })
      await phones.bind(user, phone)
      return { phoneMasked: maskPhone(phone), countryCode: phone.countryCode }
    },
  )

  app.delete(
    ROUTES.phone,
    { onRequest: authenticate, schema: { response: { 204: NoContent } } },
    async ({ auth }, reply) => {
      await phones.remove(auth.userId)
      return reply.code(204).send(null)
    },
  )
}
