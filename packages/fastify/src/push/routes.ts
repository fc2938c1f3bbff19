import type { FastifyBaseLogger } from 'fastify'
import { ApiError } from '../api-error.ts'
import { createEventId } from '../events/event-id.ts'
import type { EventStore } from '../events/event-store.ts'
import type { TypedRoutes } from '../http/typed-routes.ts'
import { type AccountChangesDeps, createAccountChanges, parseRevokeInfo } from './account-changes.ts'
import { isSignedQuery, type PushedMessage, readMessage } from './messages.ts'
import { checkPushApps, type PushOptions, type PushSecrets } from './push-options.ts'

/** What the routes of WeChat's push need. */
export interface PushRoutesOptions extends Omit<AccountChangesDeps, 'identities'>, PushOptions {
  hasApp: (appid: string) => boolean
  /** Null: none are written. */
  events: EventStore | null
}

const PATH = '/wechat/push/:appid'
const MAX_BODY_BYTES = 64 * 1024
/** WeChat waits for five seconds, and sends a message up to three times. */
const ANSWER_WITHIN_MS = 4_000
/** The longest name of an event of WeChat that is written down. */
const MAX_NAME_LENGTH = 64

const short = { type: 'string', maxLength: 256 } as const
const Params = { type: 'object', required: ['appid'], properties: { appid: short } } as const
const Query = {
  type: 'object',
  properties: { signature: short, msg_signature: short, timestamp: short, nonce: short, echostr: short },
} as const

/** `GET` and `POST /wechat/push/:appid`: what WeChat tells the server of a mini-program. */
export const pushRoutes: TypedRoutes<PushRoutesOptions> = async (app, options) => {
  const { apps, identities, sessions, events, hasApp, now } = options
  checkPushApps(apps, hasApp)
  const changes = createAccountChanges(options)
  const warned = new Set<string>()

  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'string', bodyLimit: MAX_BODY_BYTES }, (_request, body, done) =>
    done(null, body),
  )
  app.addHook('onRequest', async (_request, reply) => {
    // GET answers a text of the request (`echostr`): no browser may take it for a page. Fastify sends texts as `text/plain`.
    reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff')
  })

  // WeChat's console sends this when the address is entered, to see that it is really an address of this server.
  app.get(PATH, { schema: { params: Params, querystring: Query } }, async ({ params: { appid }, query }) => {
    if (!isSignedQuery(query, secretsOf(appid))) throw notSigned()
    return query.echostr ?? ''
  })

  app.post(
    PATH,
    { schema: { params: Params, querystring: Query } },
    async ({ params: { appid }, query, body, log }) => {
      const text = typeof body === 'string' ? body : ''
      const message = readMessage({ appid, secrets: secretsOf(appid), query, body: text, nowMs: now() })
      await inTime(take(appid, message, log))
      return 'success'
    },
  )

  function secretsOf(appid: string): PushSecrets {
    const secrets = Object.hasOwn(apps, appid) ? apps[appid] : undefined
    if (secrets) return secrets
    throw new ApiError('appid_unknown', 'no push is set up for this appid', {
      detail: 'no push is set up for this appid here',
    })
  }

  async function take(appid: string, message: PushedMessage, log: FastifyBaseLogger): Promise<void> {
    // A forged message in plain mode must not make the proven one with the same text count as handled.
    const text = message.isProven ? message.text : `plain ${message.text}`
    const handled = await sessions.handleMessage(appid, text, () => handle(appid, message, log))
    if (!handled) log.info({ appid }, 'a push of WeChat was handled before')
  }

  async function handle(appid: string, { fields, isProven }: PushedMessage, log: FastifyBaseLogger): Promise<void> {
    const event = fields.get('Event') ?? fields.get('MsgType') ?? ''
    const openid = fields.get('OpenID')
    const isClosed = event === 'user_authorization_cancellation'
    const isAboutData = isClosed || event === 'user_authorization_revoke'
    const mayDelete = isProven && isAboutData && openid !== undefined
    const userId = mayDelete ? await identities.findUserIdEvenIfErasing(appid, openid) : null
    let isErased = false
    if (mayDelete && userId !== null) {
      if (isClosed) isErased = await changes.close(userId, { appid, openid })
      else await changes.withdraw(userId, parseRevokeInfo(fields.get('RevokeInfo') ?? ''))
    }
    // Written last, so that a message which failed before is written down once. A user who was erased is named by the event of the
    // erasure alone.
    await tell({ appid, event, isProven, userId: isErased ? null : userId })
    if (!isProven) return warnOfPlainMode(appid, log)
    log.info({ appid, event, userId: userId ?? undefined }, 'a push of WeChat was taken')
  }

  async function tell(o: { appid: string; event: string; isProven: boolean; userId: string | null }): Promise<void> {
    const { userId, event, ...data } = o
    const atMs = now()
    const about = { type: 'wechat_pushed', by: 'wechat', userId, otherUserId: null } as const
    const named = { ...data, event: event.slice(0, MAX_NAME_LENGTH).toWellFormed() }
    await events?.append([{ ...about, id: createEventId(atMs), atMs, data: named }])
  }

  /** In plain mode anybody who has seen one request of WeChat can forge a message. */
  function warnOfPlainMode(appid: string, log: FastifyBaseLogger): void {
    if (warned.has(appid)) return
    warned.add(appid)
    log.warn(
      { appid },
      'WeChat pushes messages in plain mode, in which nothing proves who wrote them: nothing is deleted. Choose the secure mode (安全模式) in its console, under Development Settings > Message Push',
    )
  }
}

/** Answers in time also while a store hangs. The next attempt of WeChat completes what this one has begun. */
async function inTime(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_, reject) => {
    const error = new ApiError('store_unavailable', 'a push of WeChat took too long', { retryAfterSeconds: 5 })
    timer = setTimeout(() => reject(error), ANSWER_WITHIN_MS)
  })
  try {
    await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}

function notSigned(): ApiError {
  const detail = 'the signature is not one of this token'
  return new ApiError('request_invalid', detail, { detail })
}
