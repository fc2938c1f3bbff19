import { fastifySwagger } from '@fastify/swagger'
import {
  authenticate,
  createFolderAvatarStore,
  createSessionKeyVault,
  createSqliteSessionStore,
  createSqlPhoneStore,
  createSqlUserStore,
  DEFAULTS,
  generateVaultKey,
  openSqliteUsers,
} from '@weapp-auth/fastify'
import type { FastifyInstance, FastifySchema, RouteOptions } from 'fastify'
import { pino } from 'pino'
import { buildApp } from '../app.ts'
import { buildServiceApi } from '../service-api/app.ts'
import { identifyOperator } from '../service-api/callers.ts'
import { SUMMARIES } from './summaries.ts'

/** An OpenAPI 3.1 document, as JSON. */
export interface OpenApi {
  paths: object
}

/** The plugin needs a mini-program. Any will do. */
const APPID = 'wx0'

const PROBLEM = {
  type: 'object',
  required: ['type', 'title', 'status', 'requestId'],
  properties: {
    type: { type: 'string' },
    title: { type: 'string' },
    status: { type: 'integer' },
    code: { type: 'string', description: 'What to act on.' },
    requestId: { type: 'string', description: 'The same as in the log.' },
    detail: { type: 'string', description: "The caller's own mistake." },
    reason: { type: 'string', description: 'Why the session ended; with session_revoked.' },
  },
}

/** The route reads the form by itself, so that it has no schema. */
const FORM = { type: 'object', properties: { file: { type: 'string', format: 'binary' } } }

/**
 * Describes both APIs, for phones and for backends and operators, in one document. It builds both once more, with all features and
 * empty stores, so that a running service does not carry what only readers of its documents need.
 */
export async function describeApis(): Promise<OpenApi> {
  const log = pino({ level: 'silent' })
  const db = openSqliteUsers(':memory:')
  const sessions = createSqliteSessionStore({ file: ':memory:' })
  const vault = createSessionKeyVault({ keys: generateVaultKey() })
  const app = await buildApp({
    ...DEFAULTS,
    apps: [{ appid: APPID, secrets: ['none'] }],
    users: createSqlUserStore({ db, vault }),
    phones: { store: createSqlPhoneStore({ db, vault }) },
    avatars: { store: createFolderAvatarStore({ folder: 'nowhere' }) },
    push: { [APPID]: { token: 'none', aesKey: 'n'.repeat(43) } },
    redis: null,
    keyPrefix: '',
    openSessions: () => ({ sessions, accessTokens: null }),
    trustProxy: [],
    log,
    beforeRoutes: (app) => describe(app, describePhoneRoute),
  })
  const { weappAuth } = app
  const api = await buildServiceApi({
    weappAuth,
    identify: identifyOperator,
    log,
    beforeRoutes: (api) => describe(api, describeServiceRoute),
  })
  try {
    await Promise.all([app.ready(), api.ready()])
    const phones = app.swagger()
    return { ...phones, paths: { ...phones.paths, ...api.swagger().paths } }
  } finally {
    await Promise.all([app.close(), api.close()])
    await Promise.all([sessions.close(), db.destroy()])
  }
}

/** Describes a route beyond its own schema. */
type DescribeRoute = (route: RouteOptions, place: string) => FastifySchema

async function describe(app: FastifyInstance, describeRoute: DescribeRoute): Promise<void> {
  app.addSchema({ $id: 'Problem', ...PROBLEM })
  await app.register(fastifySwagger, {
    refResolver: { buildLocalReference: ({ $id }) => String($id) },
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'weapp-auth',
        description:
          'Sign-in for WeChat mini-programs. Paths under /service are on the listener of the service API (SERVICE_PORT), the others on that for phones (PORT). Every error is a problem of RFC 9457.',
        version: '1',
      },
      tags: [
        { name: 'phones', description: 'What a mini-program calls; the client does it.' },
        { name: 'proxies and operations', description: 'What nginx, an orchestrator and WeChat call.' },
        { name: 'service', description: 'For backends in any language, and for operators.' },
      ],
      components: {
        securitySchemes: {
          session: { type: 'http', scheme: 'bearer', description: 'The token of a signed-in phone.' },
          service: { type: 'http', scheme: 'bearer', description: 'A token of SERVICE_TOKENS.' },
        },
      },
    },
    transform({ schema, url, route }) {
      const place = `${[route.method].flat()[0]} ${url.replaceAll(/:(\w+)/g, '{$1}')}`
      const own = { ...schema, ...describeRoute(route, place) }
      const problem = {
        description: 'A problem',
        content: { 'application/problem+json': { schema: { $ref: 'Problem#' } } },
      }
      return { url, schema: { ...own, response: { ...(own.response as object), default: problem } } }
    },
  })
}

function describePhoneRoute({ onRequest, url }: RouteOptions, place: string): FastifySchema {
  // GET and DELETE of `/v1/session` have no guard: they read the token themselves.
  const isGuarded = url === '/v1/session' || [onRequest].flat().includes(authenticate as never)
  return {
    tags: [/^\/v1\/(?!verify)|^\/avatars/.test(url) ? 'phones' : 'proxies and operations'],
    ...(SUMMARIES[place] !== undefined ? { summary: SUMMARIES[place] } : { hide: true }),
    ...(isGuarded && { security: [{ session: [] }] }),
    ...(place === 'POST /v1/me/avatar' && { consumes: ['multipart/form-data'], body: FORM }),
  }
}

function describeServiceRoute({ config, schema }: RouteOptions): FastifySchema {
  const scope = config?.scope
  if (!scope || scope === 'none') return { hide: true }
  const description = [schema?.description, `Scope: \`${scope}\`.`].filter(Boolean).join(' ')
  return { tags: ['service'], description, security: [{ service: [] }] }
}
