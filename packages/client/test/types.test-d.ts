// Compiled, never run: what must compile, and what must not.
import {
  type AuthError,
  type AuthErrorCode,
  createAuth,
  isAuthError,
  type Session,
  type SessionUser,
  type SignOutReason,
  type Wx,
} from '../src/index.ts'

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

export function events(): void {
  const auth = createAuth<Member>({ baseUrl: 'https://api.example.com' })
  auth.on('login', (session) => is<Equal<typeof session, Session<Member>>>())
  auth.on('logout', ({ reason }) => is<Equal<typeof reason, SignOutReason>>())
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
