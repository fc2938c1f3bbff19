/** What a person is told when signing in or loading did not work, by the error code of `@weapp-auth/client`. */
export function explain(code: string): string {
  switch (code) {
    case 'network':
      return '网络不可用，请检查网络后重试'
    case 'login_failed':
      return '没有连上微信，请检查网络后重试'
    case 'timeout':
    case 'login_timeout':
      return '网络有点慢，请稍后重试'
    case 'unavailable':
    case 'bad_response':
      return '服务暂时不可用，请稍后重试'
    case 'login_rejected':
      return '微信没有接受这次登录，请重试'
    case 'login_throttled':
      return '操作太频繁了，请稍等片刻'
    default:
      return '登录没有成功，请重试'
  }
}
