import { ROUTES } from '@weapp-auth/shared'
import type { Accounts } from '../../accounts.ts'
import type { Avatars } from '../../avatar/avatars.ts'
import type { Phones } from '../../phone/phones.ts'
import { maskPhone } from '../../phone-number.ts'
import { parseProfileChanges } from '../../users/profile.ts'
import type { RecentUsers } from '../../users/recent-users.ts'
import type { UserStore } from '../../users/users.ts'
import { present, wireUser } from '../bodies.ts'
import { authenticate } from '../plugins/authenticate.ts'
import { GetMeResponse, NoContent, UpdateProfileRequest, UpdateProfileResponse } from '../schemas.ts'
import type { TypedRoutes } from '../typed-routes.ts'

/** Where the user is read and changed. */
export interface MeRoutesOptions {
  users: UserStore
  accounts: Accounts
  /** Is told which users have changed, and reads them anew. */
  recentUsers: RecentUsers
  /** Null: this service keeps no pictures. */
  avatars: Avatars | null
  /** Null: this service keeps no phone numbers. */
  phones: Phones | null
}

/** The caller's own user and profile. */
export const meRoutes: TypedRoutes<MeRoutesOptions> = async (app, options) => {
  const { users, accounts, recentUsers, avatars, phones } = options

  app.get(
    ROUTES.me,
    { onRequest: authenticate, schema: { response: { 200: GetMeResponse } } },
    async ({ auth: { userId } }) => {
      const [user, phone] = await Promise.all([users.findUser(userId), phones?.find(userId)])
      return { user: wireUser(present(user)), ...(phone && { phoneMasked: maskPhone(phone) }) }
    },
  )

  app.delete(
    ROUTES.me,
    { onRequest: authenticate, schema: { response: { 204: NoContent } } },
    async ({ auth }, reply) => {
      await accounts.erase(auth.userId, 'user')
      return reply.code(204).send(null)
    },
  )

  app.post(
    ROUTES.profile,
    {
      onRequest: authenticate,
      schema: { body: UpdateProfileRequest, response: { 200: UpdateProfileResponse } },
    },
    async ({ auth, body }) => {
      const { userId } = auth
      const changes = parseProfileChanges(body)
      const update = () => users.updateProfile(userId, changes, 'user')
      const hasNewAvatar = avatars !== null && changes.avatarUrl !== undefined
      try {
        return { user: wireUser(present(await (hasNewAvatar ? avatars.change(userId, update) : update()))) }
      } finally {
        recentUsers.forget(userId)
      }
    },
  )
}
