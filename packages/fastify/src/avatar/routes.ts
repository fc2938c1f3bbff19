import { ROUTES } from '@weapp-auth/shared'
import type { FastifyRequest } from 'fastify'
import { ApiError } from '../api-error.ts'
import { present } from '../http/bodies.ts'
import { authenticate } from '../http/plugins/authenticate.ts'
import type { RouteLimit } from '../http/plugins/rate-limit.ts'
import { UpdateAvatarResponse } from '../http/schemas.ts'
import type { TypedRoutes } from '../http/typed-routes.ts'
import type { RecentUsers } from '../users/recent-users.ts'
import type { AvatarStore } from './avatar-store.ts'
import type { Avatars } from './avatars.ts'
import { AVATAR_NAME } from './names.ts'
import type { Redraw } from './picture.ts'
import type { Uploads } from './upload.ts'

/** For ever: a name is never given to another picture. */
const CACHE = 'public, max-age=31536000, immutable'

/** Reads pictures out of requests, and draws them anew. */
export interface PictureReader {
  uploads: Uploads
  redraw: Redraw
}

/** What uploading a picture needs. */
export interface AvatarRoutesOptions {
  avatars: Avatars
  /** Null: its libraries cannot be loaded on this machine. */
  findReader(): Promise<PictureReader | null>
  recentUsers: RecentUsers
  /** How often one user may send a picture. */
  limit: RouteLimit
  /** The address of the pictures, without the slash before their names. Null: that of this service, as the request names it. */
  publicUrl: string | null
  /** The prefix of all routes of the plugin. */
  pathPrefix: string
}

/** `POST /v1/me/avatar`. */
export const avatarRoutes: TypedRoutes<AvatarRoutesOptions> = async (app, options) => {
  const { avatars, findReader, recentUsers, limit, publicUrl, pathPrefix } = options

  // No parser reads the body. The handler reads it, once the guard and the limit have let the request in.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('multipart/form-data', (_request, _body, done) => done(null))
  app.addContentTypeParser('*', (_request, _body, done) => done(noForm()))

  app.post(
    ROUTES.avatar,
    {
      onRequest: authenticate,
      config: { rateLimit: limit },
      schema: { response: { 200: UpdateAvatarResponse } },
    },
    async (request, reply) => {
      const { userId } = request.auth
      if (!request.headers['content-type']) throw noForm()
      try {
        const reader = await findReader()
        if (!reader) throw noPictures()
        return await reader.uploads.read(request.raw, async (file) => {
          const jpeg = await reader.redraw(file)
          const user = present(await avatars.replace(userId, jpeg, publicUrl ?? ownUrl(request, pathPrefix)))
          return { avatarUrl: user.profile.avatarUrl }
        })
      } catch (error) {
        // The rest of the body is not read, so no other request can follow on this connection.
        if (!request.raw.readableEnded) reply.header('connection', 'close')
        throw error
      } finally {
        recentUsers.forget(userId)
      }
    },
  )
}

/** `GET /avatars/:name`, without a session: nobody can guess the address, and profiles show the picture to others anyway. */
export const avatarFileRoutes: TypedRoutes<{ store: AvatarStore }> = async (app, { store }) => {
  app.get<{ Params: { name: string } }>('/avatars/:name', async ({ params: { name } }, reply) => {
    const jpeg = AVATAR_NAME.test(name) ? await store.find(name) : null
    if (!jpeg) throw noSuchPicture()
    return reply
      .headers({
        'content-type': 'image/jpeg',
        'cache-control': CACHE,
        'x-content-type-options': 'nosniff',
        'content-security-policy': "default-src 'none'",
        // Web pages of other origins may show it.
        'cross-origin-resource-policy': 'cross-origin',
      })
      .send(jpeg)
  })
}

function ownUrl({ protocol, host }: FastifyRequest, prefix: string): string {
  return `${protocol}://${host}${prefix}/avatars`
}

function noForm(): ApiError {
  const detail = 'send the picture as multipart/form-data, as wx.uploadFile does'
  return new ApiError('media_type_unsupported', detail, { detail })
}

function noPictures(): ApiError {
  return new ApiError('not_found', 'the libraries of avatars cannot be loaded', {
    detail: 'there are no pictures here',
  })
}

function noSuchPicture(): ApiError {
  const detail = 'there is no such picture'
  return new ApiError('not_found', detail, { detail })
}
