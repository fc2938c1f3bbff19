import type { WeappAuth } from '@weapp-auth/fastify'
import type { FastifyPluginAsync, FastifyTypeProvider, RawServerDefault } from 'fastify'
import type { XStatic } from 'typebox/schema'

/** Gives requests and answers the types that their JSON schemas describe. */
interface TypesOfSchemas extends FastifyTypeProvider {
  validator: XStatic<this['schema']>
  serializer: XStatic<this['schema']>
}

/** What a group of routes is given. */
export interface GroupOptions {
  weappAuth: WeappAuth
}

/** A group of routes of the service API, typed by their schemas. */
export type ServiceRoutes<Options extends GroupOptions = GroupOptions> = FastifyPluginAsync<
  Options,
  RawServerDefault,
  TypesOfSchemas
>

/** What a body is that its JSON schema describes. */
export type BodyOf<Schema> = XStatic<Schema>
