import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { ROUTES } from '@weapp-auth/shared'
import { parseProfile } from '../../users/profile.ts'
import type { UserStore } from '../../users/users.ts'
import { present, wireUser } from '../bodies.ts'
import { GetMeResponse, PutProfileRequest, PutProfileResponse } from '../schemas.ts'

export const meRoutes: FastifyPluginAsyncTypebox<{ users: UserStore }> = async (app, { users }) => {
  app.get(
    ROUTES.me,
    { onRequest: app.authenticate, schema: { response: { 200: GetMeResponse } } },
    async ({ auth }) => ({ user: wireUser(present(await users.findUser(auth.userId))) }),
  )

  app.put(
    ROUTES.profile,
    {
      onRequest: app.authenticate,
      schema: { body: PutProfileRequest, response: { 200: PutProfileResponse } },
    },
    async ({ auth, body }) => {
      const profile = parseProfile(body)
      return { user: wireUser(present(await users.replaceProfile(auth.userId, profile))) }
    },
  )
}
