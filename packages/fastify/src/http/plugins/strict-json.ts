import { Ajv } from 'ajv'
import type { FastifyInstance } from 'fastify'
import type { FastifySerializerCompiler } from 'fastify/types/schema.js'

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
  app.setValidatorCompiler(({ schema }) => ajv.compile(schema))
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

const compileSerializer: FastifySerializerCompiler<object> = ({ schema }) => {
  const pick = createPicker(schema)
  return (payload) => JSON.stringify(pick(payload))
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
    for (const [name, pick] of picks) {
      if (Object.hasOwn(value, name)) picked[name] = pick((value as Record<string, unknown>)[name])
    }
    return picked
  }
}
