import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { ROUTES } from '@weapp-auth/shared'
import type { Avatars } from '../../avatar/avatars.ts'
import { parseProfileChanges } from '../../users/profile.ts'
import type { RecentUsers } from '../../users/recent-users.ts'
import type { UserStore } from '../../users/users.ts'
import { present, wireUser } from '../bodies.ts'
import { authenticate } from '../plugins/authenticate.ts'
import { GetMeResponse, UpdateProfileRequest, UpdateProfileResponse } from '../schemas.ts'

/** Where the user is read and changed. */
export interface MeRoutesOptions {
  users: UserStore
  /** Is told which users have changed, and reads them anew. */
  recentUsers: RecentUsers
  /** Null: this service keeps no pictures. */
  avatars: Avatars | null
}

/** The caller's own user and profile. */
export const meRoutes: FastifyPluginAsyncTypebox<MeRoutesOptions> = async (app, { users, recentUsers, avatars }) => {
  app.get(ROUTES.me, { onRequest: authenticate, schema: { response: { 200: GetMeResponse } } }, async ({ auth }) => ({
    user: wireUser(present(await users.findUser(auth.userId))),
  }))

  app.post(
    ROUTES.profile,
    {
      onRequest: authenticate,
      schema: { body: UpdateProfileRequest, response: { 200: UpdateProfileResponse } },
    },
    async ({ auth, body }) => {
      const { userId } = auth
      const changes = parseProfileChanges(body)
      const update = () => users.updateProfile(userId, changes)
      const hasNewAvatar = avatars !== null && changes.avatarUrl !== undefined
      try {
        return { user: wireUser(present(await (hasNewAvatar ? avatars.change(userId, update) : update()))) }
      } finally {
        recentUsers.forget(userId)
      }
    },
  )
}
