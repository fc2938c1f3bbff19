// Sign-in through another provider, beside sign-in by WeChat: the same sessions, the same guard.
//
//   PROVIDER_URL=https://... PROVIDER_SECRET=... WECHAT_APPID=wx... WECHAT_SECRET=... \
//     SESSION_KEY_KEYS=k1:$(openssl rand -base64 32) node third-party.ts
//
// The provider's own SDK gives the phone a ticket. In the mini-program: auth.loginWith({ url: '/provider/login', data: { ticket } })
import { DatabaseSync } from 'node:sqlite'
import { ApiError } from '@weapp-auth/fastify'
import { APPID, createHost, required } from './host.ts'

const PROVIDER_URL = required('PROVIDER_URL')
const PROVIDER_SECRET = required('PROVIDER_SECRET')
const PROVIDER_TIMEOUT_MS = 3_000
const Ticket = {
  type: 'object',
  required: ['ticket'],
  properties: { ticket: { type: 'string', minLength: 1, maxLength: 512 } },
} as const

const app = await createHost()
const links = new DatabaseSync('provider.sqlite')
links.exec('create table if not exists links (subject text primary key, user_id text not null)')

app.post<{ Body: { ticket: string } }>(
  '/provider/login',
  { schema: { body: Ticket } },
  async ({ body, headers }, reply) => {
    const subject = await redeem(body.ticket)
    const known = findUserId(subject)
    const userId = known ?? (await link(subject))
    // The answer holds a token.
    reply.code(201).header('cache-control', 'no-store')
    // The session that the phone had until now ends with this one.
    return app.weappAuth.issue(userId, { appid: APPID, isNew: known === null, authorization: headers.authorization })
  },
)

app.addHook('onClose', async () => links.close())
console.log(`listening on ${await app.listen({ port: Number(process.env.PORT ?? 3000) })}`)

/**
 * Who the provider says is behind a ticket. Asked by the server and with its own secret: what the phone itself says
 * about who it is proves nothing.
 */
async function redeem(ticket: string): Promise<string> {
  const response = await fetch(`${PROVIDER_URL}/redeem`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${PROVIDER_SECRET}` },
    body: JSON.stringify({ ticket }),
    signal: AbortSignal.timeout(PROVIDER_TIMEOUT_MS),
  })
  // A ticket that was refused is the caller's to mend, everything else is an outage: never a 401, which speaks of the
  // session token and nothing else.
  if (response.status === 400) {
    throw new ApiError('request_invalid', 'ticket refused', { detail: 'the ticket is not valid: ask for a new one' })
  }
  const answer: unknown = await response.json()
  if (response.ok && isObject(answer) && typeof answer.subject === 'string' && answer.subject !== '')
    return answer.subject
  throw new Error(`the provider answered ${response.status}`)
}

/** Of two first sign-ins at once the first link counts, for both. */
async function link(subject: string): Promise<string> {
  const { id } = await app.weappAuth.createUser()
  links.prepare('insert or ignore into links values (?, ?)').run(subject, id)
  return findUserId(subject) ?? id
}

function findUserId(subject: string): string | null {
  const row = links.prepare('select user_id from links where subject = ?').get(subject)
  return row ? String(row.user_id) : null
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
