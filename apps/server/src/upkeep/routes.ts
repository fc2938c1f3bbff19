import { IMPORT_COLUMNS, type ImportLine, MAX_IMPORT_LINES, type RotationPlace } from '@weapp-auth/fastify'
import type { FastifyPluginAsync } from 'fastify'
import { causeOf } from '../service-api/callers.ts'
import type { ImportCounts, Upkeep } from './upkeep.ts'

/** 1 000 lines of at most 64 kB each; a usual line has about 100 bytes. */
const MAX_BODY_BYTES = 64 * 1024 * 1024

const text = { type: 'string' } as const
const count = { type: 'integer', minimum: 0 } as const
const object = (properties: object, required = Object.keys(properties)) => ({ type: 'object', properties, required })

const Line = object(Object.fromEntries(IMPORT_COLUMNS.map((column) => [column, text])), [])
const Import = object({
  lines: { type: 'array', items: Line, maxItems: MAX_IMPORT_LINES },
  utcOffset: text,
  dryRun: { type: 'boolean' },
})
const Counts = object({ made: count, filled: count, done: count, refused: count })
const Place = object({
  after: {
    anyOf: [{ type: 'null' }, object({ appid: text, openid: text }), object({ userId: text })],
  },
})

const digits = { type: 'string', pattern: '^\\d{1,9}$' } as const
const Skip = object({ skip: digits, limit: digits })

/**
 * What the command line asks of a running service that has the embedded stores open. These routes are on the operator's socket alone,
 * because their bodies hold openids and phone numbers.
 */
export const upkeepRoutes: FastifyPluginAsync<{ openUpkeep: () => Promise<Upkeep> }> = async (api, { openUpkeep }) => {
  const upkeep = await openUpkeep()
  const config = { scope: 'write' } as const

  api.post<{ Body: { lines: ImportLine[]; utcOffset: string; dryRun: boolean } }>(
    '/upkeep/import',
    { config, schema: { body: Import }, bodyLimit: MAX_BODY_BYTES },
    async ({ body: { lines, ...settings } }) => ({ outcomes: await upkeep.importLines(lines, settings) }),
  )

  api.post<{ Body: ImportCounts }>('/upkeep/imported', { config, schema: { body: Counts } }, async (request, reply) => {
    await upkeep.recordImport(request.body, causeOf(request).by)
    return reply.code(204).send()
  })

  api.get('/upkeep/keys', { config }, async () => ({ old: await upkeep.countOldKeys() }))

  api.post<{ Body: { after: RotationPlace } }>('/upkeep/keys/rotate', { config, schema: { body: Place } }, ({ body }) =>
    upkeep.rotateKeys(body.after),
  )

  api.post('/upkeep/users/copy', { config }, () => upkeep.copyUsers())

  api.get<{ Querystring: { skip: string; limit: string } }>(
    '/upkeep/erased',
    { config, schema: { querystring: Skip } },
    async ({ query: { skip, limit } }) => ({
      erased: await upkeep.listErased({ skip: Number(skip), limit: Number(limit) }),
    }),
  )

  api.post('/upkeep/keys/forget', { config }, async () => ({
    unused: await upkeep.forgetUnusedKeys(),
  }))
}
