import { hash, randomBytes } from 'node:crypto'
import type { FastifyInstance } from 'fastify'
import { type DestinationStream, pino } from 'pino'
import { onTestFinished } from 'vitest'
import { createLog } from '../../src/log.ts'
import { buildServiceApi } from '../../src/service-api/app.ts'
import { identifyByToken } from '../../src/service-api/callers.ts'
import { parseServiceTokens, SCOPES, type Scope } from '../../src/service-api/tokens.ts'
import type { Stores } from '../../src/stores.ts'
import { expectDescribedAnswers } from '../described-answers.ts'
import { type Column, createAuthOnPhone, startService } from '../service.ts'

/** A token of each scope alone, and one of all. */
export function makeTokens() {
  const tokens = Object.fromEntries(
    [...SCOPES, 'all' as const].map((scope) => [scope, randomBytes(32).toString('base64url')]),
  ) as Record<Scope | 'all', string>
  const entries = Object.entries(tokens).map(([scope, token]) =>
    [`${scope}-only`, scope === 'all' ? SCOPES.join('+') : scope, hash('sha256', token, 'hex')].join(':'),
  )
  return { tokens, text: entries.join(',') }
}

/** Every route of an API, as Fastify prints them: a tree, of which each level is four characters further right. */
export function routesOf(api: FastifyInstance): { method: 'GET' | 'POST' | 'PUT' | 'DELETE'; path: string }[] {
  const path: string[] = []
  return api
    .printRoutes({ commonPrefix: false })
    .split('\n')
    .flatMap((line) => {
      const [, indent = '', part = '', methods = ''] = /^(\W*?)(\/\S*|:\S+) \(([A-Z, ]+)\)$/.exec(line) ?? []
      path.splice(indent.length / 4 - 1, Number.POSITIVE_INFINITY, part)
      return methods
        .split(', ')
        .filter((method) => method !== '' && method !== 'HEAD')
        .map((method) => ({ method: method as 'GET', path: path.join('') }))
    })
}

/** The real service on one of the columns, and its service API, which is asked without a network. */
export async function startServiceApi(
  o: {
    column?: Column | Record<string, string>
    logTo?: DestinationStream
    /** Stands between the service and its user store. */
    wrapUsers?: (users: Stores['users']) => Stores['users']
    /** Called with the stores that the service uses. */
    onStores?: (stores: Stores) => void
  } = {},
) {
  const { column = 'embedded', logTo, wrapUsers = (users) => users, onStores = () => {} } = o
  const log = logTo ? createLog('trace', logTo) : pino({ level: 'silent' })
  const service = await startService(
    column,
    () => {},
    { log, beforeRoutes: expectDescribedAnswers },
    (stores) => {
      onStores(stores)
      return { ...stores, users: wrapUsers(stores.users) }
    },
  )
  const { tokens, text } = makeTokens()
  const serviceTokens = parseServiceTokens(text)
  const api = await buildServiceApi({
    weappAuth: service.app.weappAuth,
    ring: () => [{ kid: 'k1', fingerprint: 'f1' }],
    identify: identifyByToken(() => serviceTokens),
    log,
    beforeRoutes: expectDescribedAnswers,
  })
  onTestFinished(() => api.close())

  /** Sends a request with the token of all scopes, or with the one given. */
  async function ask(
    call: `${'GET' | 'POST' | 'PUT' | 'DELETE'} ${string}`,
    body?: object,
    o: { token?: string | null; headers?: Record<string, string> } = {},
  ) {
    const [method, path = ''] = call.split(' ') as ['GET', string]
    const { token = tokens.all, headers = {} } = o
    const answer = await api.inject({
      method,
      url: `/service/v1${path}`,
      headers: { ...(token !== null && { authorization: `Bearer ${token}` }), ...headers },
      ...(body && { payload: body }),
    })
    return {
      status: answer.statusCode,
      data: answer.body === '' ? null : answer.json(),
      headers: answer.headers,
    }
  }

  /** Signs in on a phone, with the code of `wx.login`. */
  async function signIn(user = 'alice') {
    const { auth, device } = createAuthOnPhone(service, user, user)
    const session = await auth.ensureLogin()
    return { auth, device, userId: session.user.id, sessionId: session.id }
  }

  return { service, api, tokens, ask, signIn }
}
