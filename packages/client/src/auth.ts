import {
  type BindPhoneResponse,
  type DecryptOpenDataRequest,
  ROUTES,
  type UpdateAvatarResponse,
  type UserProfile,
} from '@weapp-auth/shared'
import type {
  Answer,
  Auth,
  AuthFailure,
  CallOptions,
  CreateAuthOptions,
  EnsureLoginOptions,
  Session,
  SessionUser,
  WithCallbacks,
  WithoutCallbacks,
} from './contract.ts'
import { begin } from './deadline.ts'
import { AuthError } from './errors.ts'
import { callHook, createNow } from './hooks.ts'
import { joinSession } from './instances.ts'
import { createPipeline, isTimeout } from './pipeline.ts'
import { createService, parseJson, toResponseError } from './service.ts'
import { type Beginning, view } from './session.ts'
import { CHECK_TIMEOUT_MS } from './session-key.ts'
import { snapshot } from './snapshot.ts'
import { createConnectSocket } from './socket.ts'
import { STORAGE_TIMEOUT_MS } from './storage.ts'
import { type BothStyles, hasCallbacks, inBothStyles, report } from './task.ts'
import { createLocate } from './url.ts'
import { createWeChat } from './wx.ts'
import type { Callbacks, NetworkCall, NetworkCalls, RequestResult, UploadResult } from './wx-api.ts'

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

  /** Sends one of the network calls of `wx` through the pipeline. */
  function start<Name extends NetworkCall>(
    name: Name,
    given: NetworkCalls[Name]['options'] & CallOptions,
    beginning?: Beginning,
  ) {
    return sendAuthenticated<NetworkCalls[Name]['options'] & CallOptions, NetworkCalls[Name]['result']>(
      name,
      given,
      (sent, { setTask }, token) => wechat.send(name, sent, setTask, !!token),
      name === 'uploadFile' ? isUploadUnauthorized : isUnauthorized,
      beginning,
    )
  }

  function authenticated<Name extends NetworkCall>(
    name: Name,
  ): BothStyles<NetworkCalls[Name]['options'] & CallOptions, NetworkCalls[Name]['result'], NetworkCalls[Name]['task']> {
    return inBothStyles(name, (given: NetworkCalls[Name]['options'] & CallOptions) => start(name, given))
  }

  /**
   * Reads the answer of one of the service's routes.
   *
   * @param field what its body must have; null for an answer without a body
   */
  async function readBody<Body extends object>(
    { outcome }: { outcome: Promise<RequestResult | UploadResult> },
    field: (keyof Body & string) | null,
  ): Promise<Body> {
    const response = await outcome
    // The service's contract says what each route answers; that the field is there is checked below.
    const body = Object(parseJson(response.data)) as Body
    if (!(response.statusCode >= 300) && (!field || body[field])) return body
    throw toResponseError(response, 'request', 'rejected')
  }

  /**
   * One login may replace another, and that a third; the call still has one deadline.
   *
   * @param work gets a function that says whether the deadline has passed
   */
  function inTime<T>(work: (isGivenUp: () => boolean) => Promise<T>, limitMs?: number): Promise<T> {
    const call = begin<T>(limitMs || loginTimeoutMs + BEFORE_LOGIN_MS, () =>
      call.settle(Promise.reject(new AuthError('login_timeout', 'login:fail timeout'))),
    )
    call.follow(work(call.isOver))
    return call.outcome
  }

  function ensureLogin(given: EnsureLoginOptions & WithCallbacks<Session<User>>): void
  function ensureLogin(given?: EnsureLoginOptions & WithoutCallbacks): Promise<Session<User>>
  function ensureLogin(given: EnsureLoginOptions & Callbacks<Session<User>, AuthFailure> = {}) {
    const outcome = ensure(Object(given) as EnsureLoginOptions)
    if (!hasCallbacks(given)) return outcome
    report('ensureLogin', given, outcome)
    return undefined
  }

  async function ensure({ force = false, phoneCode, timeoutMs }: EnsureLoginOptions): Promise<Session<User>> {
    if (timeoutMs !== undefined && !isTimeout(timeoutMs))
      throw new AuthError('invalid_argument', 'ensureLogin:fail timeoutMs must be a positive number')
    if (phoneCode !== undefined && (!phoneCode || typeof phoneCode !== 'string'))
      throw new AuthError('invalid_argument', 'ensureLogin:fail phoneCode must be the code of a getPhoneNumber button')
    return view(await inTime((isGivenUp) => session.ensure(force, phoneCode, isGivenUp), timeoutMs))
  }

  return {
    ensureLogin,
    ready: () => ensureLogin().catch(() => null),
    ensureSessionKey: () => inTime(session.sessionKey.ensure),
    async loginWith(given) {
      const { url, data } = snapshot('loginWith', given)
      const target = locate({ url }, 'loginWith').url
      return view(await inTime(() => session.loginWith({ url: target, data })))
    },
    getSession() {
      const active = session.current()
      return active && view(active)
    },
    // The type of `data` is the caller's claim.
    request: authenticated('request') as Auth<User>['request'],
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
      const call = session.begin()
      const sending = start('request', { url: ROUTES.profile, method: 'POST', data: changes }, call)
      const { user } = await readBody<{ user: User & { profile: UserProfile } }>(sending, 'user')
      session.update(call, () => user)
      return user
    },
    async updateAvatar(filePath) {
      const call = session.begin()
      const sending = start('uploadFile', { url: ROUTES.avatar, filePath, name: 'avatar' }, call)
      const { avatarUrl } = await readBody<UpdateAvatarResponse>(sending, 'avatarUrl')
      session.update(call, (user) => ({
        profile: Object.assign({}, (Object(user) as { profile?: UserProfile }).profile, { avatarUrl }),
      }))
      return avatarUrl
    },
    bindPhone: (code) =>
      readBody<BindPhoneResponse>(
        start('request', { url: ROUTES.phone, method: 'POST', data: { code }, replay: false }),
        'phoneMasked',
      ),
    async eraseUser() {
      const call = session.begin()
      try {
        await readBody(start('request', { url: ROUTES.me, method: 'DELETE' }, call), null)
        await session.erased(call)
      } catch (error) {
        // An earlier call may have done it without its answer arriving.
        if (!session.isErased()) throw error
      }
    },
    async decrypt<Data>({ encryptedData, iv }: DecryptOpenDataRequest) {
      try {
        const data = { encryptedData, iv }
        const sending = start('request', { url: ROUTES.decryptOpenData, method: 'POST', data })
        return (await readBody<{ data: Data & object }>(sending, 'data')).data
      } finally {
        session.sessionKey.release()
      }
    },
    on: events.on,
  }
}
