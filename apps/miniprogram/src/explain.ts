import { isAuthError } from '@weapp-auth/client'

/** What a page shows: exactly one of these at a time. */
export type Status = 'loading' | 'ready' | 'empty' | 'signed-out' | 'offline' | 'error'

/** What a page shows in place of its data when `auth.request` rejected. */
export function stateOf(error: unknown): { status: Status; message: string } {
  const code = isAuthError(error) ? error.code : ''
  if (code === 'logged_out' || code === 'unauthorized') return { status: 'signed-out', message: '' }
  return { status: code === 'network' ? 'offline' : 'error', message: explain(error) }
}

/** What a person is told when the service answered, and not with what was asked for. */
export const UNAVAILABLE = '服务暂时不可用，请稍后重试'

/** What a person is told when a call of `auth` rejected: by the service's own code, where it says more than the client's. */
export function explain(error: unknown): string {
  if (!isAuthError(error)) return '出了点问题，请重试'
  switch (error.problem) {
    case 'phone_code_invalid':
      return '手机号没有通过验证，请再点一次'
    case 'user_disabled':
      return '账号已停用，请联系店里'
    case 'payload_too_large':
      return '图片太大了，请换一张小一点的'
    case 'media_type_unsupported':
      return '这张图片打不开，请换一张'
    case 'rate_limited':
      return '操作太频繁，请稍后再试'
    case 'not_found':
      return '这项功能还没有开通'
  }
  switch (error.code) {
    case 'network':
      return '网络不可用，请检查网络后重试'
    case 'login_failed':
      return '微信登录失败，请检查网络后重试'
    case 'timeout':
    case 'login_timeout':
      return '网络有点慢，请稍后重试'
    case 'unavailable':
    case 'bad_response':
      return UNAVAILABLE
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

/** Why a tap on a `getPhoneNumber` button gave no code; empty for somebody who declined, and knows it. */
export function explainNoPhoneCode({ errMsg, errno }: { errMsg: string; errno?: number }): string {
  if (/user (deny|cancel)/.test(errMsg)) return ''
  // WeChat's quota for this mini-program is used up: no tap helps until somebody has bought more.
  if (errno === 1400001) return '手机号验证暂时不可用'
  if (/privacy/.test(errMsg)) return '同意隐私保护指引后才能使用手机号'
  return '没有拿到手机号，请检查网络后重试'
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
