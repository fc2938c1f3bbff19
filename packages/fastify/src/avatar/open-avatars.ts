import { createRequire } from 'node:module'
import { ROUTES } from '@weapp-auth/shared'
import type { FastifyPluginAsync } from 'fastify'
import type { RouteLimit } from '../http/plugins/rate-limit.ts'
import type { RecentUsers } from '../users/recent-users.ts'
import type { UserStore } from '../users/users.ts'
import type { AvatarsOptions } from './avatar-store.ts'
import { type Avatars, createAvatars } from './avatars.ts'
import { createRedraw } from './picture.ts'
import { avatarFileRoutes, avatarRoutes, type PictureReader } from './routes.ts'
import { createUploads } from './upload.ts'

/** What avatars need of the plugin. */
export interface AvatarsDeps extends AvatarsOptions {
  users: UserStore
  recentUsers: RecentUsers
  limit: RouteLimit
  /** The prefix of all routes of the plugin. */
  pathPrefix: string
  warn: (message: string) => void
}

/** Avatars, as the plugin registers them. */
export interface OpenAvatars {
  avatars: Avatars
  /** `POST /v1/me/avatar`. */
  upload: FastifyPluginAsync
  /** `GET /avatars/:name`. */
  files: FastifyPluginAsync
}

/** The libraries that nothing but avatars needs. */
interface AvatarLibraries {
  sharp: Parameters<typeof createRedraw>[0]
  Busboy: Parameters<typeof createUploads>[0]
}

/**
 * Prepares avatars. Looks for the libraries now, so that a missing one is told at the start, and loads them with the first
 * picture, because sharp takes 20 MB.
 *
 * @returns null, after a warning that says what to do, when a library is not installed
 * @throws TypeError when `publicUrl` is no address
 */
export async function openAvatars(
  deps: AvatarsDeps,
  { find = findLibraries, load = importLibraries } = {},
): Promise<OpenAvatars | null> {
  const { store, users, recentUsers, limit, pathPrefix, warn } = deps
  const publicUrl = deps.publicUrl === undefined ? null : parsePublicUrl(deps.publicUrl)
  const warnOf = (error: Error) => {
    const reason = error.message.split('\n', 1)[0]
    warn(
      `POST ${ROUTES.avatar} is 404 because its libraries are missing: npm install sharp @fastify/busboy (${reason})`,
    )
    return null
  }
  try {
    find()
  } catch (error) {
    return warnOf(error as Error)
  }
  let reader: Promise<PictureReader | null> | undefined
  const findReader = () => {
    // A library that was found may still not load: sharp brings a binary for one kind of machine.
    reader ??= load().then(createReader, warnOf)
    return reader
  }
  const avatars = createAvatars({ store, users, warn })
  return {
    avatars,
    upload: async (scope) => {
      await scope.register(avatarRoutes, { avatars, findReader, recentUsers, limit, publicUrl, pathPrefix })
    },
    files: async (scope) => {
      await scope.register(avatarFileRoutes, { store })
    },
  }
}

/** @throws Error when a library is not installed */
function findLibraries(): void {
  const { resolve } = createRequire(import.meta.url)
  for (const library of ['sharp', '@fastify/busboy']) resolve(library)
}

async function importLibraries(): Promise<AvatarLibraries> {
  const [{ default: sharp }, { Busboy }] = await Promise.all([import('sharp'), import('@fastify/busboy')])
  return { sharp, Busboy }
}

function createReader({ sharp, Busboy }: AvatarLibraries): PictureReader {
  return { uploads: createUploads(Busboy), redraw: createRedraw(sharp) }
}

function parsePublicUrl(text: string): string {
  const url = URL.parse(text)
  if (url && /^https?:$/.test(url.protocol) && url.search === '' && url.hash === '') return url.href.replace(/\/+$/, '')
  throw new TypeError('avatars.publicUrl must be an https address without a query')
}
