import { type DecryptOpenDataRequest, ROUTES, type UserProfile } from '@weapp-auth/shared'
import type {
  Answer,
  Auth,
  AuthFailure,
  CallOptions,
  CreateAuthOptions,
  EnsureLoginOptions,
  RequestOptions,
  Session,
  SessionUser,
  WithCallbacks,
  WithoutCallbacks,
} from './contract.ts'
import { within } from './deadline.ts'
import { AuthError } from './errors.ts'
import { callHook, createNow } from './hooks.ts'
import { joinSession } from './instances.ts'
import { createPipeline, isTimeout } from './pipeline.ts'
import { createService, parseJson, toResponseError } from './service.ts'
import { CHECK_TIMEOUT_MS, view } from './session.ts'
import { snapshot } from './snapshot.ts'
import { createConnectSocket } from './socket.ts'
import { STORAGE_TIMEOUT_MS } from './storage.ts'
import { type BothStyles, hasCallbacks, inBothStyles, report } from './task.ts'
import { createLocate } from './url.ts'
import { createWeChat } from './wx.ts'
import type { Callbacks, NetworkCall, NetworkCalls } from './wx-api.ts'

/** How long a call may wait before its login begins. */
const BEFORE_LOGIN_MS = STORAGE_TIMEOUT_MS + CHECK_TIMEOUT_MS

/**
 * Makes the one object a mini-program signs in and sends requests with.
 *
 * @throws TypeError that names the wrong option
 */
export function createAuth<User = SessionUser>(options: CreateAuthOptions): Auth<User> {
  const {
    allowOrigins = [],
    storageKey = 'weapp-auth',
    encrypt,
    loginTimeoutMs = 15_000,
    autoLogin = true,
    checkSession = 'launch',
    device = false,
    loginData,
    header = (token: string) => ({ Authorization: `Bearer ${token}` }),
    isUnauthorized: saysUnauthorized = ({ statusCode }: Answer) => Number(statusCode) === 401,
    now = Date.now,
    logger,
  } = options
  const bearer = (token: string) => callHook('header', () => header(token), token)
  const isUnauthorized = (answer: Answer) => callHook('isUnauthorized', () => saysUnauthorized(answer))
  const baseUrl = String(options.baseUrl).replace(/\/+$/, '')
  const locate = createLocate(baseUrl, allowOrigins)
  if (!Number.isFinite(loginTimeoutMs) || loginTimeoutMs <= 0)
    throw new TypeError('loginTimeoutMs must be a positive number')
  if (checkSession !== 'launch' && checkSession !== 'never')
    throw new TypeError("checkSession must be 'launch' or 'never'")
  const wechat = createWeChat(options.wx, encrypt, logger)
  const service = createService<User>(wechat, baseUrl, bearer)
  const { session, events } = joinSession<User>(options.storage || options.wx, {
    wechat,
    service,
    baseUrl,
    appid() {
      const appid = options.appid || wechat.account().appId
      if (!appid)
        throw new AuthError('invalid_argument', 'login:fail this wx does not tell the appid: give the option appid')
      return appid
    },
    device,
    loginData,
    loginTimeoutMs,
    autoLogin,
    checkSession,
    now: createNow(now),
    storage: options.storage || wechat.storage,
    storageKey,
    logger,
  })
  const sendAuthenticated = createPipeline({ session, locate, bearer, loginTimeoutMs })

  /** An upload's body is always text, also where `isUnauthorized` expects what a request would give it. */
  function isUploadUnauthorized(answer: Answer): boolean {
    return isUnauthorized(Object.assign({}, answer, { data: parseJson(answer.data) }))
  }

  /** One of the network calls of `wx`, through the pipeline. */
  function authenticated<Name extends NetworkCall>(
    name: Name,
  ): BothStyles<NetworkCalls[Name]['options'] & CallOptions, NetworkCalls[Name]['result'], NetworkCalls[Name]['task']> {
    return inBothStyles(name, (given: NetworkCalls[Name]['options'] & CallOptions) =>
      sendAuthenticated(
        name,
        given,
        (sent, { setTask }, token) => wechat.send(name, sent, setTask, !!token),
        name === 'uploadFile' ? isUploadUnauthorized : isUnauthorized,
      ),
    )
  }

  const request = authenticated('request')

  /** Calls a route of the service. Its answer must have `field`. */
  async function callRoute<Body>(field: keyof Body & string, given: RequestOptions & WithoutCallbacks): Promise<Body> {
    const response = await request(given)
    // The service's contract says what each route answers; that the field is there is checked below.
    const body = Object(response.data) as Body
    if (!(response.statusCode >= 300) && body[field]) return body
    throw toResponseError(response, 'request', 'rejected')
  }

  /** One login may replace another, and that a third; the call still has one deadline. */
  function inTime<T>(work: Promise<T>, limitMs?: number): Promise<T> {
    return within(limitMs || loginTimeoutMs + BEFORE_LOGIN_MS, work, () =>
      Promise.reject(new AuthError('login_timeout', 'login:fail timeout')),
    )
  }

  function ensureLogin(given: EnsureLoginOptions & WithCallbacks<Session<User>>): void
  function ensureLogin(given?: EnsureLoginOptions & WithoutCallbacks): Promise<Session<User>>
  function ensureLogin(given: EnsureLoginOptions & Callbacks<Session<User>, AuthFailure> = {}) {
    const { force = false, timeoutMs } = Object(given) as EnsureLoginOptions
    const outcome =
      timeoutMs === undefined || isTimeout(timeoutMs)
        ? inTime(session.ensure(force).then(view), timeoutMs)
        : Promise.reject(new AuthError('invalid_argument', 'ensureLogin:fail timeoutMs must be a positive number'))
    if (!hasCallbacks(given)) return outcome
    report('ensureLogin', given, outcome)
    return undefined
  }

  return {
    ensureLogin,
    ready: () => ensureLogin().catch(() => null),
    ensureSessionKey: () => inTime(session.ensureSessionKey()),
    async loginWith(given) {
      const { url, data } = snapshot('loginWith', given)
      return view(await inTime(session.loginWith({ url: locate({ url }, 'loginWith').url, data })))
    },
    getSession() {
      const active = session.current()
      return active && view(active)
    },
    // The type of `data` is the caller's claim.
    request: request as Auth<User>['request'],
    uploadFile: authenticated('uploadFile'),
    downloadFile: authenticated('downloadFile'),
    connectSocket: createConnectSocket(wechat, session.ask, sendAuthenticated),
    wrap: (send) =>
      inBothStyles('request', (given) =>
        sendAuthenticated(
          'request',
          given,
          (sent, { setTask }) => {
            const sending = send(sent)
            setTask(sending)
            return Promise.resolve(sending)
          },
          isUnauthorized,
        ),
      ),
    logout: (given = {}) => session.logout(given),
    async updateProfile(changes) {
      const { user } = await callRoute<{ user: User & { id: string; profile: UserProfile } }>('user', {
        url: ROUTES.profile,
        method: 'POST',
        data: changes,
      })
      session.update(user)
      return user
    },
    async decrypt<Data>({ encryptedData, iv }: DecryptOpenDataRequest) {
      try {
        const data = { encryptedData, iv }
        const body = await callRoute<{ data: Data }>('data', { url: ROUTES.decryptOpenData, method: 'POST', data })
        return body.data
      } finally {
        session.releaseSessionKey()
      }
    },
    on: events.on,
  }
}
