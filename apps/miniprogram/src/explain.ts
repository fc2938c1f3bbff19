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
