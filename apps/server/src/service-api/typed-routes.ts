import type { TypedRoutes, WeappAuth } from '@weapp-auth/fastify'
import type { XStatic } from 'typebox/schema'

/** The options of every group of routes. */
export interface GroupOptions {
  weappAuth: WeappAuth
}

/** A group of routes of the service API, typed by their schemas. */
export type ServiceRoutes<Options extends GroupOptions = GroupOptions> = TypedRoutes<Options>

/** The type of a body, from its JSON schema. */
export type BodyOf<Schema> = XStatic<Schema>
