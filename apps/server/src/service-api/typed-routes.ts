import type { TypedRoutes, WeappAuth } from '@weapp-auth/fastify'
import type { XStatic } from 'typebox/schema'

/** What a group of routes is given. */
export interface GroupOptions {
  weappAuth: WeappAuth
}

/** A group of routes of the service API, typed by their schemas. */
export type ServiceRoutes<Options extends GroupOptions = GroupOptions> = TypedRoutes<Options>

/** What a body is that its JSON schema describes. */
export type BodyOf<Schema> = XStatic<Schema>
