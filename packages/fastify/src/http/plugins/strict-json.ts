import { Ajv, type ValidateFunction } from 'ajv'
import type { FastifyInstance, FastifyServerOptions } from 'fastify'

/** The largest bodies are a login with 4 kB of data, and WeChat's encrypted steps of a month, about 2 kB. */
const MAX_BODY_BYTES = 16 * 1024

/**
 * One for all applications of a process: a schema that several of them have is compiled once.
 *
 * Bodies are small, so that all that is missing can be named at once. The schemas are not checked against the schema of schemas:
 * they are ours, and compiling that one took more of a start than compiling all of ours.
 */
const ajv = new Ajv({ allErrors: true, validateSchema: false })

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

/**
 * The option `schemaController` of an application that has no schemas but those of scopes with {@link useStrictJson}. Fastify's own
 * compilers, which it would load, are a twentieth of a start.
 */
export const STRICT_SCHEMAS: NonNullable<FastifyServerOptions['schemaController']> = {
  // Fastify calls both with a route, as it calls those of a scope. Its types of the two say otherwise.
  compilersFactory: { buildValidator: () => compileValidator, buildSerializer: () => compileSerializer } as object,
}

/** What is compiled for a route. */
interface OfRoute {
  schema: unknown
}

/** A schema is compiled when the first request needs it: compiling those of all routes took a twelfth of a start. */
function compileValidator({ schema }: OfRoute) {
  let compiled: ValidateFunction | undefined
  const validate: Pick<ValidateFunction, 'errors'> & ((value: unknown) => boolean) = (value) => {
    compiled ??= ajv.compile(schema as object)
    const isValid = compiled(value)
    validate.errors = compiled.errors ?? null
    return isValid
  }
  return validate
}

function compileSerializer({ schema }: OfRoute) {
  const pick = createPicker(schema as object)
  return (payload: unknown) => JSON.stringify(pick(payload))
}

type Picker = (value: unknown) => unknown

/**
 * Copies what a schema names and nothing else, and leaves the value as it is: a user may be an object that the host's own
 * store keeps. Built once for a schema, because looking at it for every answer took a twentieth of a sign-in.
 */
function createPicker(schema: object): Picker {
  if ('items' in schema) {
    const pick = createPicker(schema.items as object)
    return (value) => (Array.isArray(value) ? value.map(pick) : value)
  }
  // A record names no properties: all of them are sent.
  if (!('properties' in schema)) return (value) => value
  const picks = Object.entries(schema.properties as Record<string, object>).map(
    ([name, property]) => [name, createPicker(property)] as const,
  )
  return (value) => {
    if (typeof value !== 'object' || value === null) return value
    const picked: Record<string, unknown> = {}
    for (const [name, pick] of picks) picked[name] = pick((value as Record<string, unknown>)[name])
    return picked
  }
}
