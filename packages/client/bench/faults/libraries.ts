import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type * as client from '../../src/index.ts'
import { type BedWx, HOST, type Library, type Protocol } from './bed.ts'

const CLIENT = join(import.meta.dirname, '..', '..')

const bearer = (header: Record<string, string>) => /^Bearer (.+)$/.exec(header.authorization ?? '')?.[1] ?? null

/** This package, as built. */
export const weappAuth: Library = {
  name: '@weapp-auth/client',
  version: (JSON.parse(readFileSync(join(CLIENT, 'package.json'), 'utf8')) as { version: string }).version,
  protocol: {
    loginPath: '/v1/sessions',
    issue: (token) => ({
      token,
      tokenType: 'Bearer',
      expiresIn: 7_200,
      absoluteExpiresIn: 2_592_000,
      session: { id: token, createdAt: '2026-01-01T00:00:00.000Z' },
      user: { id: 'u1', isNew: false, profile: {} },
    }),
    tokenOf: bearer,
    refusal: { status: 401, body: { status: 401, code: 'session_invalid' } },
    overLimit: { status: 401, body: { status: 401, code: 'session_revoked', reason: 'limit' } },
  },
  start(wx) {
    const { createAuth } = createRequire(import.meta.url)('../../miniprogram_dist/index.js') as typeof client
    // Another `wx` for each run of the application, as the phone gives it.
    const auth = createAuth({ baseUrl: HOST, wx: Object.create(wx) })
    return {
      request: (url) => auth.request({ url }),
      post: (url, data) => auth.request({ url, method: 'POST', data }),
      launch: () => auth.ensureLogin(),
    }
  },
}

/** The published libraries, as installed in `folder`. */
export function loadPeers(folder: string): Library[] {
  const load = createRequire(join(folder, 'package.json'))
  const versionOf = (name: string) =>
    (JSON.parse(readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8')) as { version: string })
      .version

  /** As in a new run of the application: nothing of the modules' state is left. */
  function fresh<Module>(name: string): Module {
    for (const path of Object.keys(load.cache)) if (path.includes(join('node_modules', name))) delete load.cache[path]
    return load(name) as Module
  }

  return [
    wafer('wafer-client-sdk', {
      loginPath: '/login',
      issue: (token) => ({ [WAFER_MAGIC]: 1, session: { id: 'u1', skey: token } }),
      tokenOf: (header) => header['x-wx-skey'] ?? null,
      refusal: { status: 200, body: { [WAFER_MAGIC]: 1, error: 'ERR_INVALID_SESSION' } },
    }),
    wafer('wafer2-client-sdk', {
      loginPath: '/login',
      issue: (token) => ({ code: 0, data: { skey: token, userinfo: {} } }),
      tokenOf: (header) => header['x-wx-skey'] ?? null,
      refusal: { status: 401, body: { code: -1 } },
    }),
    alova(),
    axios(),
    axios({ deduplicateRefresh: false }),
  ]

  /** Both generations of Tencent's wafer: `setLoginUrl`, then `request` with `login: true`. */
  function wafer(name: string, protocol: Protocol): Library {
    return {
      name,
      version: versionOf(name),
      protocol,
      hasGlobalWx: true,
      start(wx) {
        Object.assign(globalThis, { wx })
        const sdk = fresh<Wafer>(name)
        sdk.setLoginUrl(`${HOST}${protocol.loginPath}`)
        return {
          request: (path) =>
            new Promise((success, fail) => sdk.request({ url: HOST + path, login: true, success, fail })),
          post: (path, data) =>
            new Promise((success, fail) =>
              sdk.request({ url: HOST + path, login: true, method: 'POST', data, success, fail }),
            ),
          launch: () => new Promise((success, fail) => sdk.login({ success, fail })),
        }
      },
    }
  }

  /** `createServerTokenAuthentication`, whose handler signs in anew on a 401. */
  function alova(): Library {
    return {
      name: 'alova',
      version: versionOf('alova'),
      protocol: TOKEN_PROTOCOL,
      start(wx) {
        const { createAlova } = fresh<Alova>('alova')
        const { createServerTokenAuthentication } = load('alova/client') as AlovaClient
        const app = createTokenApp(wx)
        const { onAuthRequired, onResponseRefreshToken } = createServerTokenAuthentication({
          assignToken(method) {
            Object.assign(method.config.headers, app.header())
          },
          refreshTokenOnSuccess: { isExpired: ({ statusCode }) => statusCode === 401, handler: app.signIn },
        })
        const instance = createAlova({
          baseURL: HOST,
          cacheFor: null,
          shareRequest: false,
          timeout: 0,
          requestAdapter: ({ url, headers, type, data }) => {
            const sent = app.send(url, headers, type, data)
            return { response: () => sent, headers: async () => ({}), abort() {} }
          },
          beforeRequest: onAuthRequired(),
          responded: onResponseRefreshToken((response) => succeed(response)),
        })
        return { request: async (path) => instance.Get(path), post: async (path, data) => instance.Post(path, data) }
      },
    }
  }

  /** `createAuthRefresh`, whose logic signs in anew on a 401, with the request interceptor of its README. */
  function axios(options?: { deduplicateRefresh: boolean }): Library {
    return {
      name: `axios-auth-refresh${options ? ' (deduplicateRefresh: false)' : ''}`,
      version: versionOf('axios-auth-refresh'),
      protocol: TOKEN_PROTOCOL,
      start(wx) {
        const { default: axiosModule, AxiosError } = load('axios') as Axios
        const { createAuthRefresh } = load('axios-auth-refresh') as AuthRefresh
        const app = createTokenApp(wx)
        const instance = axiosModule.create({
          baseURL: HOST,
          async adapter(config) {
            const header = { ...config.headers }
            const { statusCode, data } = await app.send(`${HOST}${config.url}`, header, config.method, config.data)
            const response = { status: statusCode, data, config, headers: {}, statusText: '' }
            if (statusCode < 300) return response
            throw new AxiosError(`Request failed with status code ${statusCode}`, undefined, config, null, response)
          },
        })
        instance.interceptors.request.use((config) => {
          Object.assign(config.headers, app.header())
          return config
        })
        createAuthRefresh(instance, app.signIn, options)
        return { request: (path) => instance.get(path), post: (path, data) => instance.post(path, data) }
      },
    }
  }
}

const WAFER_MAGIC = 'F2C224D4-2BCE-4C64-AF9F-A6D872000D1A'

const TOKEN_PROTOCOL: Protocol = {
  loginPath: '/login',
  issue: (token) => ({ token }),
  tokenOf: bearer,
  refusal: { status: 401, body: {} },
}

interface Sent {
  statusCode: number
  data: unknown
}

/** What an application writes around a library that brings no sign-in: `wx.login`, the exchange, the token in storage. */
function createTokenApp(wx: BedWx) {
  return {
    header(): Record<string, string> {
      const token = wx.getStorageSync('token')
      return token ? { Authorization: `Bearer ${String(token)}` } : {}
    },
    send: (url: string, header: Record<string, string>, method: string, data: unknown) =>
      new Promise<Sent>((success, fail) =>
        wx.request({ url, header, method: method.toUpperCase() as 'GET', data: data as object, success, fail }),
      ),
    signIn: () =>
      new Promise<void>((resolve, fail) => {
        wx.login({
          success: ({ code }) =>
            wx.request({
              url: `${HOST}/login`,
              method: 'POST',
              data: { code },
              success({ statusCode, data }) {
                const { token } = Object(data) as { token?: string }
                if (statusCode !== 200 || !token) return fail(new Error('login failed'))
                try {
                  wx.setStorageSync('token', token)
                  resolve()
                } catch (error) {
                  fail(error)
                }
              },
              fail,
            }),
          fail,
        })
      }),
  }
}

function succeed(response: Sent): Sent {
  if (response.statusCode >= 300) throw new Error(`status ${response.statusCode}`)
  return response
}

// As much of the libraries' own types as is used here: they are installed by the run, not with the project.
interface Wafer {
  setLoginUrl(url: string): void
  login(options: { success: (result: unknown) => void; fail: (error: unknown) => void }): void
  request(options: {
    url: string
    login: boolean
    method?: string
    data?: object
    success: (result: unknown) => void
    fail: (error: unknown) => void
  }): void
}
interface AlovaMethod {
  config: { headers: Record<string, string> }
}
interface Alova {
  createAlova(options: {
    baseURL: string
    cacheFor: null
    shareRequest: boolean
    timeout: number
    requestAdapter: (
      elements: { url: string; headers: Record<string, string>; type: string; data: unknown },
      method: AlovaMethod,
    ) => { response: () => Promise<Sent>; headers: () => Promise<object>; abort: () => void }
    beforeRequest: unknown
    responded: unknown
  }): { Get(path: string): PromiseLike<unknown>; Post(path: string, data: object): PromiseLike<unknown> }
}
interface AlovaClient {
  createServerTokenAuthentication(options: {
    assignToken: (method: AlovaMethod) => void
    refreshTokenOnSuccess: { isExpired: (response: Sent) => boolean; handler: () => Promise<void> }
  }): {
    onAuthRequired(): unknown
    onResponseRefreshToken(onSuccess: (response: Sent) => Sent): unknown
  }
}
interface AxiosConfig {
  url: string
  method: string
  data: unknown
  headers: Record<string, string>
}
interface Axios {
  default: {
    create(options: { baseURL: string; adapter: (config: AxiosConfig) => Promise<object> }): {
      get(path: string): Promise<unknown>
      post(path: string, data: object): Promise<unknown>
      interceptors: { request: { use(intercept: (config: AxiosConfig) => AxiosConfig): void } }
    }
  }
  AxiosError: new (
    message: string,
    code: string | undefined,
    config: AxiosConfig,
    request: null,
    response: object,
  ) => Error
}
interface AuthRefresh {
  createAuthRefresh(instance: object, refresh: () => Promise<void>, options?: { deduplicateRefresh: boolean }): void
}
