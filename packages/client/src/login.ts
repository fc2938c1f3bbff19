import { within } from './deadline.ts'
import { AuthError, loggedOut } from './errors.ts'
import type { Issued, Service } from './service.ts'
import { failed, type RequestTask, type WeChat } from './wx.ts'

/**
 * One login: a code from WeChat, its exchange, and `take` with what came of it, all within one deadline.
 *
 * @param isCurrent false once nobody waits for the outcome: then nothing more is sent, and `take` is not called
 */
export type Login<User> = <Taken>(isCurrent: () => boolean, take: (issued: Issued<User>) => Taken) => Promise<Taken>

export interface LoginOptions<User> {
  wechat: WeChat
  service: Service<User>
  appid: () => string
  loginData: unknown
  timeoutMs: number
  onFail: (error: AuthError) => void
}

export function createLogin<User>(options: LoginOptions<User>): Login<User> {
  const { wechat, service, appid, loginData, timeoutMs, onFail } = options

  return (isCurrent, take) => {
    let task: RequestTask | undefined

    async function run() {
      const code = await wechat.login(timeoutMs)
      if (!isCurrent()) throw loggedOut()
      const issued = await service.exchange({ appid: appid(), code, data: loginData }, timeoutMs, (started) => {
        task = started
      })
      if (isCurrent()) return take(issued)
      void service.revoke(issued.token)
      throw loggedOut()
    }

    return within(timeoutMs, run(), () => {
      // Or the next login would begin beside an exchange that is still under way.
      if (task) task.abort()
      throw new AuthError('login_timeout', 'login:fail timeout')
    }).catch((failure) => {
      const error = failed(failure, 'login_failed')
      if (isCurrent()) onFail(error)
      throw error
    })
  }
}
