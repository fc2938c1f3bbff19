import type { FastifyInstance, FastifySchemaCompiler, FastifySchemaValidationError } from 'fastify'
import type { FastifySerializerCompiler } from 'fastify/types/schema.js'
import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { Clean, Clone } from 'typebox/value'

/** The largest bodies are a login with 4 kB of data, and WeChat's encrypted steps of a month, about 2 kB. */
const MAX_BODY_BYTES = 16 * 1024

/**
 * Reads and writes JSON by the schemas and by nothing else: no coercion (`code: 5` is refused), no other content type.
 * It is set for our own routes only, whatever the host application has chosen for its routes.
 */
export function useStrictJson(app: FastifyInstance): void {
  app.setValidatorCompiler(compileValidator)
  app.setSerializerCompiler(compileSerializer)
  app.removeAllContentTypeParsers()
  const parseJson = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'string', bodyLimit: MAX_BODY_BYTES },
    (request, body, done) => {
      // wx.request labels every request as JSON, a DELETE without a body too.
      if (body === '') done(null, undefined)
      else void parseJson(request, body as string, done)
    },
  )
}

const compileValidator: FastifySchemaCompiler<TSchema> = ({ schema }) => {
  const validator = Compile(schema)
  return (value: unknown) => {
    if (validator.Check(value)) return { value }
    return { error: validator.Errors(value) as FastifySchemaValidationError[] }
  }
}

const compileSerializer: FastifySerializerCompiler<TSchema> =
  ({ schema }) =>
  (payload) =>
    // Clean takes fields away from the value itself, and a user may be an object that the host's own store keeps.
    JSON.stringify(Clean(schema, Clone(payload)))
