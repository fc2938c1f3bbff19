import type { FastifyPluginAsync, FastifyPluginOptions, FastifyTypeProvider, RawServerDefault } from 'fastify'
import type { XStatic } from 'typebox/schema'

/** Gives requests and answers the types that their JSON schemas describe. */
interface TypesOfSchemas extends FastifyTypeProvider {
  validator: XStatic<this['schema']>
  serializer: XStatic<this['schema']>
}

/** A plugin whose routes are typed by their schemas. */
export type TypedRoutes<Options extends FastifyPluginOptions = Record<never, never>> = FastifyPluginAsync<
  Options,
  RawServerDefault,
  TypesOfSchemas
>
