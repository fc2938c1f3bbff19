import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Documents } from './documents.ts'

/**
 * `/openapi.json` and `/docs`, for everybody who reaches the listener: they say nothing about users. What answers them is loaded and
 * built with the first request.
 */
export function documentRoutes(api: FastifyInstance): void {
  /** Null: nobody has asked yet. */
  let building: Promise<Documents> | null = null
  const documents = () => {
    building ??= build()
    return building
  }

  const page = async (request: FastifyRequest, reply: FastifyReply) => {
    const { routing } = await documents()
    reply.hijack()
    routing(request.raw, reply.raw)
  }
  const options = { config: { scope: 'none' as const }, schema: { hide: true } }
  api.get('/openapi.json', options, async () => (await documents()).document)
  api.get('/docs', options, page)
  api.get('/docs/*', options, page)
  api.addHook('onClose', async () => {
    await (await building)?.close()
  })

  async function build(): Promise<Documents> {
    const { buildDocuments } = await import('./documents.ts')
    return buildDocuments()
  }
}
