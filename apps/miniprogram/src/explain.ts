import { isAuthError } from '@weapp-auth/client'

/** What a page shows: exactly one of these at a time. */
export type Status = 'loading' | 'ready' | 'empty' | 'signed-out' | 'offline' | 'error'

/** What a page shows in place of its data when `auth.request` rejected. */
export function stateOf(error: unknown): { status: Status; message: string } {
  const code = isAuthError(error) ? error.code : ''
  if (code === 'logged_out' || code === 'unauthorized') return { status: 'signed-out', message: '' }
  return { status: code === 'network' ? 'offline' : 'error', message: explain(code) }
}

/** What a person is told when signing in or loading did not work, by the error code of `@weapp-auth/client`. */
export function explain(code: string): string {
  switch (code) {
    case 'network':
      return '网络不可用，请检查网络后重试'
    case 'login_failed':
      return '微信登录失败，请检查网络后重试'
    case 'timeout':
    case 'login_timeout':
      return '网络有点慢，请稍后重试'
    case 'unavailable':
    case 'bad_response':
      return '服务暂时不可用，请稍后重试'
    case 'rejected':
      return '填写的内容没有被接受'
    case 'login_rejected':
      return '登录未通过，请重试'
    case 'login_throttled':
      return '操作太频繁，请稍后再试'
    case 'unauthorized':
    case 'logged_out':
      return '登录已失效，请重新登录'
    default:
      return '出了点问题，请重试'
  }
}

/** Why somebody is signed out who did not tap for it, by the reason of the `logout` event. */
export function explainLogout(reason: string): string {
  switch (reason) {
    case 'signed_out_elsewhere':
      return '你在另一台设备上退出了本机的登录'
    case 'limit':
      return '登录的设备太多，本机已退出'
    case 'admin':
      return '你已被管理员下线'
    case 'erased':
      return '账号已注销'
    default:
      return ''
  }
}
