// Compiled against the official typings of two major versions, never run: what must compile, and what must not.
import {
  type AuthError,
  type AuthErrorCode,
  createAuth,
  type DownloadTask,
  isAuthError,
  type LogoutReason,
  type RequestResult,
  type RequestTask,
  type Session,
  type SessionUser,
  type UploadResult,
  type UploadTask,
  type Wx,
} from '@weapp-auth/client'

interface Member {
  id: string
  level: 1 | 2 | 3
}
interface Product {
  name: string
}

declare const wx: WechatMiniprogram.Wx

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function is<_T extends true>(): void {}

export async function generics(): Promise<void> {
  const auth = createAuth<Member>({ baseUrl: 'https://api.example.com' })
  const session = await auth.ensureLogin({ force: true })
  is<Equal<typeof session, Session<Member>>>()
  is<Equal<typeof session.user.level, 1 | 2 | 3>>()
  is<Equal<ReturnType<typeof auth.getSession>, Session<Member> | null>>()
  // @ts-expect-error the token cannot be had
  session.token

  const { data, statusCode } = await auth.request<Product[]>({ url: '/products' })
  is<Equal<typeof data, Product[]>>()
  is<Equal<typeof statusCode, number>>()
  const untyped = await auth.request({ url: '/products' })
  is<Equal<typeof untyped.data, unknown>>()

  const ordinary = await createAuth({ baseUrl: 'https://api.example.com' }).ensureLogin()
  is<Equal<typeof ordinary.user, SessionUser>>()
}

export async function requests(): Promise<void> {
  const auth = createAuth({ baseUrl: 'https://api.example.com' })
  await auth.request({
    url: '/a',
    method: 'PUT',
    data: { a: 1 },
    timeout: 5_000,
    header: { 'x-a': '1' },
    enableHttp2: true,
  })
  await auth.request({ url: '/a', auth: 'optional', replay: false })
  // @ts-expect-error wx.request cannot send PATCH
  await auth.request({ url: '/a', method: 'PATCH' })
  // @ts-expect-error there is no such mode
  await auth.request({ url: '/a', auth: true })
  // @ts-expect-error a request has an address
  await auth.request({})
  // @ts-expect-error not an option of wx.request
  await auth.request({ url: '/a', headers: {} })
}

export function tasks(): void {
  const auth = createAuth({ baseUrl: 'https://api.example.com' })
  const promised = auth.request<Product>({ url: '/a' })
  is<Equal<typeof promised, Promise<RequestResult<Product>> & RequestTask>>()
  promised.onHeadersReceived(({ header }) => header.date)
  promised.offHeadersReceived()
  // @ts-expect-error a request has no progress
  promised.onProgressUpdate(() => {})

  const withSuccess = auth.request<Product>({ url: '/a', success: ({ data }) => is<Equal<typeof data, Product>>() })
  is<Equal<typeof withSuccess, RequestTask>>()
  // @ts-expect-error with a callback there is no promise
  withSuccess.then()
  const withFail = auth.request({ url: '/a', fail: ({ code }) => is<Equal<typeof code, AuthErrorCode>>() })
  is<Equal<typeof withFail, RequestTask>>()
  const withComplete = auth.request({ url: '/a', complete: () => {} })
  is<Equal<typeof withComplete, RequestTask>>()

  const file = { url: '/avatar', filePath: 'wxfile://tmp', name: 'file' }
  is<Equal<ReturnType<typeof upload>, Promise<UploadResult> & UploadTask>>()
  function upload() {
    return auth.uploadFile(file)
  }
  const uploading = auth.uploadFile({ ...file, success: ({ data }) => is<Equal<typeof data, string>>() })
  is<Equal<typeof uploading, UploadTask>>()
  uploading.onProgressUpdate(({ totalBytesSent }) => totalBytesSent)
  const downloading = auth.downloadFile({ url: '/a', complete: () => {} })
  is<Equal<typeof downloading, DownloadTask>>()
  downloading.onProgressUpdate(({ totalBytesWritten }) => totalBytesWritten)
  // @ts-expect-error an upload names its file
  auth.uploadFile({ url: '/avatar' })

  const socket = auth.connectSocket({ url: '/live', auth: 'optional' })
  socket.onMessage(({ data }) => is<Equal<typeof data, string | ArrayBuffer>>())
  socket.close()

  const nothing = auth.ensureLogin({ success: (session) => is<Equal<typeof session, Session>>() })
  is<Equal<typeof nothing, void>>()
}

export async function others(): Promise<void> {
  const auth = createAuth<Member>({ baseUrl: 'https://api.example.com', device: true, encrypt: true })
  const wrapped = auth.wrap((options: { url: string; header?: Record<string, string>; retries?: number }) =>
    Promise.resolve({ statusCode: 200, data: options.retries }),
  )
  const answer = await wrapped({ url: '/a', retries: 1, auth: 'none', replay: false })
  is<Equal<typeof answer, { statusCode: number; data: number | undefined }>>()
  // @ts-expect-error not an option of that library
  wrapped({ url: '/a', retry: 1 })

  const signedIn = await auth.loginWith({ url: '/login', data: { password: '…' } })
  is<Equal<typeof signedIn, Session<Member>>>()
  const ready = await auth.ready()
  is<Equal<typeof ready, Session<Member> | null>>()
  const steps = await auth.decrypt<{ stepInfoList: number[] }>({ encryptedData: '', iv: '' })
  is<Equal<typeof steps.stepInfoList, number[]>>()
  const user = await auth.updateProfile({ nickname: 'Alice' })
  is<Equal<typeof user.level, 1 | 2 | 3>>()
  // @ts-expect-error no field of a profile
  await auth.updateProfile({ nickName: 'Alice' })
  await auth.logout({ everywhere: true, remote: true })
  await auth.ensureSessionKey()
}

/** The official options fit one by one; whether there are callbacks among them has to be known. */
export function official(options: WechatMiniprogram.RequestOption<WechatMiniprogram.IAnyObject>): RequestTask {
  const { url, data, method, timeout } = options
  return createAuth({ baseUrl: 'https://api.example.com' }).request({
    url,
    ...(data && { data }),
    ...(method && { method }),
    ...(timeout && { timeout }),
    success: () => {},
  })
}

export function events(): void {
  const auth = createAuth<Member>({ baseUrl: 'https://api.example.com' })
  auth.on('login', (session) => is<Equal<typeof session, Session<Member>>>())
  auth.on('logout', ({ reason }) => is<Equal<typeof reason, LogoutReason>>())
  auth.on('loginFail', (error) => is<Equal<typeof error, AuthError>>())
  auth.on('login', async () => {})
  // @ts-expect-error there is no such event
  auth.on('signin', () => {})
}

export function errors(error: unknown): AuthErrorCode | null {
  return isAuthError(error) ? error.code : null
}

export function options(): void {
  // The official typings' wx fits.
  const real: Wx = wx
  createAuth({ baseUrl: 'https://api.example.com', wx: real })
  // @ts-expect-error baseUrl is required
  createAuth({})
  // @ts-expect-error 'always' would spend the login quota
  createAuth({ baseUrl: 'https://api.example.com', checkSession: 'always' })
}
