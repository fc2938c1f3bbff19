// biome-ignore-all lint/suspicious/noExplicitAny: as those libraries have it
// biome-ignore-all lint/style/noNamespace: as those libraries have it
// biome-ignore-all lint/style/noDefaultExport: as those libraries have it

// What the samples of README and guide have around them: the application's own names, and of other libraries as much as is
// used there, in their types' words.
declare const auth: import('@weapp-auth/client').Auth
declare function createAuth(options: import('@weapp-auth/client').CreateAuthOptions): unknown
type AuthErrorCode = import('@weapp-auth/client').AuthErrorCode

interface Product {
  name: string
}
interface Step {
  timestamp: number
  step: number
}
declare const event: { detail: { photo: string } }
declare const name: string
declare const password: string
declare function fetchLike(
  url: string,
  options: { headers: Record<string, string> | undefined },
): Promise<{ status: number; body: unknown }>

declare namespace Taro {
  namespace request {
    interface Option {
      url: string
      method?: 'GET' | 'POST' | 'PATCH'
      header?: Record<string, any>
      data?: any
    }
  }
  function request(options: request.Option): Promise<{ data: any; statusCode: number }> & { abort(): void }
}

declare namespace UniApp {
  interface RequestOptions {
    url: string
    method?: 'GET' | 'POST'
    header?: any
    data?: string | object | ArrayBuffer
  }
  interface RequestSuccessCallbackResult {
    data: string | object | ArrayBuffer
    statusCode: number
    header: any
    cookies: string[]
  }
  interface GeneralCallbackResult {
    errMsg: string
  }
}
declare const uni: {
  request(options: UniApp.RequestOptions): Promise<UniApp.RequestSuccessCallbackResult>
}

declare module 'luch-request' {
  interface HttpRequestConfig {
    url?: string
    method?: 'GET' | 'POST' | 'UPLOAD'
    header?: Record<string, string>
    data?: Record<string, any>
    timeout?: number
  }
  export default class Request {
    request(config: HttpRequestConfig): Promise<{ data: any; statusCode: number; config: HttpRequestConfig }>
  }
}

declare module 'alova' {
  interface Elements {
    url: string
    type: 'GET' | 'POST' | 'PATCH'
    headers: Record<string, any>
    data?: Record<string, any> | string | null
  }
  export function createAlova<Response>(options: {
    requestAdapter(elements: Elements): {
      response(): Promise<Response>
      headers(): Promise<Record<string, string>>
      abort(): void
    }
    responded(response: Response): unknown
  }): unknown
}
