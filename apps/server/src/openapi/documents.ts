import { fastifySwagger } from '@fastify/swagger'
import { fastifySwaggerUi } from '@fastify/swagger-ui'
import Fastify, { type FastifyInstance } from 'fastify'
import { describeApis, type OpenApi } from './describe.ts'

/** The page loads its own files alone, and asks nobody but this listener. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  // Swagger UI puts styles on its elements.
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data:",
  "font-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** What `/openapi.json` and `/docs` answer. */
export interface Documents {
  document: OpenApi
  /** Answers a request below `/docs`. */
  routing: FastifyInstance['routing']
  /** A file of the page, by its path below `/docs/`. */
  read(path: string): Promise<Buffer>
  close(): Promise<void>
}

/** Builds them; see `routes.ts`. */
export async function buildDocuments(): Promise<Documents> {
  const document = await describeApis()
  const app = Fastify({ logger: false })
  await app.register(fastifySwagger, { mode: 'static', specification: { document: document as never } })
  await app.register(fastifySwaggerUi, {
    routePrefix: '/docs',
    staticCSP: CONTENT_SECURITY_POLICY,
    // Swagger UI would ask a server on the internet whether the document is valid.
    uiConfig: { validatorUrl: null as never, layout: 'BaseLayout' },
    logLevel: 'silent',
  })
  await app.ready()
  return {
    document,
    routing: app.routing,
    async read(path) {
      const { statusCode, rawPayload } = await app.inject(`/docs/${path}`)
      if (statusCode !== 200) throw new Error(`the page of the documents has no ${path}`)
      return rawPayload
    },
    close: () => app.close(),
  }
}
