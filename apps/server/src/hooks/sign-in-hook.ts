import { ApiError, type OnSignIn, observeCall, type SignInAnswer } from '@weapp-auth/fastify'
import { createPlaces } from './places.ts'
import { createSignedPost, type HookAnswer } from './signed-post.ts'

/** Options of {@link openSignInHook}. */
export interface SignInHookOptions {
  /** See `isHookAddress`. */
  url: string
  secret: string
  /** Logs what the operator should change about the program at this address. */
  warn: (message: string) => void
}

/** The hook of the service's configuration. */
export interface SignInHook {
  onSignIn: OnSignIn
  /** Closes the connections that are kept. */
  close(): Promise<void>
}

/** The longest that a sign-in waits for an answer of the hook. */
const TIMEOUT_MS = 2_000
/** How many calls run and wait. While all 64 hang, another sign-in is refused after 250 ms, and holds no connection meanwhile. */
const PLACES = { count: 64, maxWaiting: 1_000, maxWaitMs: 250 }
const MAX_DETAIL_LENGTH = 256

/**
 * `onSignIn` for other languages. 2xx lets the user in and may answer `{ externalId }`; 403 refuses and may answer `{ detail }`,
 * a text that the phone gets. Any other answer, or none, is `hook_unavailable`.
 */
export function openSignInHook({ url, secret, warn }: SignInHookOptions): SignInHook {
  const post = createSignedPost({ url, secret, timeoutMs: TIMEOUT_MS, connections: PLACES.count })
  const places = createPlaces({ ...PLACES, full: () => unavailable('too many sign-ins wait for its answer') })

  return {
    onSignIn: (...signIn) => observeCall({ target: 'hook', operation: 'sign_in' }, () => tell(signIn)),

    close: () => post.close(),
  }

  async function tell(signIn: Parameters<OnSignIn>): Promise<SignInAnswer> {
    const [{ id, createdAtMs, profile, externalId }, isNew, data, { appid, phone }] = signIn
    const user = { id, createdAt: new Date(createdAtMs).toISOString(), profile, externalId }
    const { status, text } = await ask({ user, isNew, appid, data: data ?? null, ...(phone && { phone }) })
    const answer = parseAnswer(text)
    if (status === 403) throw refused(answer.detail)
    if (status > 299) throw unavailable(`it answered ${status}`)
    return readExternalId(answer.externalId)
  }

  function ask(told: object): Promise<HookAnswer> {
    return places.run(() =>
      post.send(told).catch((error: Error) => {
        throw unavailable(error.message)
      }),
    )
  }

  function readExternalId(externalId: unknown): SignInAnswer {
    if (typeof externalId === 'string') return { externalId }
    if (externalId !== undefined && externalId !== null) {
      warn('the sign-in hook answered an externalId that is no text: it was not taken')
    }
    return undefined
  }
}

/** An answer that is no JSON object counts as an empty one. */
function parseAnswer(text: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(text)) as Record<string, unknown>
  } catch {
    return {}
  }
}

function refused(detail: unknown): ApiError {
  const text = typeof detail === 'string' ? detail.slice(0, MAX_DETAIL_LENGTH).toWellFormed() : undefined
  return new ApiError('user_disabled', 'the sign-in hook refused the user', { detail: text })
}

function unavailable(why: string): ApiError {
  return new ApiError('hook_unavailable', `the sign-in hook failed: ${why}`)
}
