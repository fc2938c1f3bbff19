/**
 * The guard for a backend that asks the sign-in service itself, without nginx: for Express, Koa and NestJS.
 *
 * "Yes" is remembered for `CACHE_SECONDS`: for as long, a session that was ended is still let in. "No" is not remembered.
 */
import { createHash } from 'node:crypto'

const { SERVICE_URL, SERVICE_TOKEN, INTROSPECTION_CACHE_SECONDS = '5' } = process.env
/** 0 asks for every request. */
const CACHE_SECONDS = Number(INTROSPECTION_CACHE_SECONDS)
const MAX_CACHED = 10_000
const TIMEOUT_MS = 3_000

/** @type {Map<string, { untilMs: number, caller: Caller }>} */
const cache = new Map()

/** @typedef {{ userId: string, sessionId: string, appid: string, externalId: string | null }} Caller */

/**
 * Whose request it is; null: there is no live session, answer 401.
 *
 * @param {string | undefined} authorization what the phone sent in this header
 * @returns {Promise<Caller | null>}
 * @throws {Error} the service did not answer, or did not accept us: answer 503, because nothing is known about the session
 */
export async function findCaller(authorization) {
  const token = /^bearer +(\S{1,1000})$/i.exec(authorization ?? '')?.[1]
  if (token === undefined) return null
  // A token is a secret: only its digest is kept.
  const key = createHash('sha256').update(token).digest('base64')
  const known = cache.get(key)
  if (known && known.untilMs > performance.now()) return known.caller
  cache.delete(key)
  // The time is counted from before the question, because the session may end while the answer is on its way.
  const untilMs = performance.now() + CACHE_SECONDS * 1000
  const caller = await introspect(token)
  if (caller) {
    if (cache.size >= MAX_CACHED) cache.delete(cache.keys().next().value)
    cache.set(key, { untilMs, caller })
  }
  return caller
}

async function introspect(token) {
  const response = await fetch(`${SERVICE_URL}/service/v1/introspect`, {
    method: 'POST',
    headers: { authorization: `Bearer ${SERVICE_TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ token }),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  })
  if (response.status !== 200) throw new Error(`introspection was answered ${response.status}`)
  const { active, sub, session_id, appid, external_id = null } = await response.json()
  if (active === false) return null
  if (active !== true) throw new Error('introspection was answered something else')
  return { userId: sub, sessionId: session_id, appid, externalId: external_id }
}

/** Express: puts `request.caller` there, or answers 401 or 503. */
export async function expressCaller(request, response, next) {
  try {
    request.caller = await findCaller(request.get('authorization'))
  } catch (error) {
    console.error(error)
    return response.set('retry-after', '1').sendStatus(503)
  }
  if (request.caller) next()
  else response.sendStatus(401)
}

/** Koa: puts `ctx.state.caller` there, or answers 401 or 503. */
export async function koaCaller(ctx, next) {
  try {
    ctx.state.caller = await findCaller(ctx.get('authorization'))
  } catch (error) {
    console.error(error)
    ctx.set('retry-after', '1')
    return ctx.throw(503)
  }
  if (!ctx.state.caller) ctx.throw(401)
  await next()
}
