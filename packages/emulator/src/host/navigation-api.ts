import { type Callbacks, callEitherStyle } from '../wx/api-call.ts'
import type { AppThread } from '../wx/app-thread.ts'
import type { PageStack } from './page-stack.ts'

type Options = Callbacks & { url?: unknown; delta?: unknown; events?: Parameters<PageStack['navigateTo']>[1] }

/** The part of `wx` that moves between pages. */
export function createNavigationApi(pages: PageStack, thread: AppThread): Record<string, unknown> {
  const api = (name: string, run: (options: Options) => object | undefined) => ({
    [name]: (options: Options = {}) =>
      callEitherStyle(thread, name, options, async () => (await onThread(thread, () => run(options))) ?? {}),
  })
  const moving = (name: 'redirectTo' | 'switchTab' | 'reLaunch') =>
    api(name, ({ url }) => {
      pages[name](String(url ?? ''))
      return undefined
    })

  return {
    ...api('navigateTo', ({ url, events }) => pages.navigateTo(String(url ?? ''), events)),
    ...moving('redirectTo'),
    ...moving('switchTab'),
    ...moving('reLaunch'),
    ...api('navigateBack', ({ delta }) => {
      pages.navigateBack(Number(delta ?? 1))
      return undefined
    }),
    ...api('startPullDownRefresh', () => {
      const page = pages.current()
      if (page) pages.call(page, 'onPullDownRefresh')
      return undefined
    }),
    ...api('pageScrollTo', () => undefined),
  }
}

/** No call of `wx` opens a page before it has returned. */
function onThread<T>(thread: AppThread, run: () => T): Promise<T> {
  return new Promise((resolve, reject) => {
    thread.post(() => {
      try {
        resolve(run())
      } catch (error) {
        reject(error)
      }
    })
  })
}
