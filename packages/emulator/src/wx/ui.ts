import type { LedgerDetail } from '../ledger.ts'
import { type Callbacks, callEitherStyle, WxFailure } from './api-call.ts'
import type { UserChoices } from './choices.ts'
import type { DeviceContext } from './context.ts'

/** What the app made of its tab bar, which WeChat draws. */
export interface TabBar {
  readonly isShown: boolean
  /** What a tab shows beside its icon: a text, `•` for the red dot, or null. */
  badge(index: number): string | null
}

const RED_DOT = '•'
const MOST_ITEMS = 6

export interface UiDeps {
  choices: UserChoices
  /** @throws WxFailure when the user does not let the app do this */
  check: (api: string) => Promise<void>
}

/** The parts of the screen that `wx` itself draws: nothing is drawn, the ledger tells what would be. */
export function createUiApi({ ledger, record, thread }: DeviceContext, { choices, check }: UiDeps) {
  let clipboard = ''
  /** By the index of the tab: a text, or a red dot. */
  const badges = new Map<number, string>()
  let isTabBarShown = true

  function drawn<Options extends Callbacks & { title?: string }>(api: string, event: string) {
    return (options?: Options) =>
      callEitherStyle(thread, api, options ?? {}, () => {
        record(event, textOf(options))
        return {}
      })
  }

  function textOf(options: { title?: string; content?: string } = {}): LedgerDetail {
    const { title, content } = options
    return {
      ...(title !== undefined && { title: ledger.redact(String(title)) }),
      ...(content !== undefined && { content: ledger.redact(String(content)) }),
    }
  }

  /** What a tab shows beside its icon. */
  function badge(api: string, change: (index: number, options: { text?: unknown }) => void) {
    return (options: Callbacks & { index?: unknown; text?: unknown } = {}) =>
      callEitherStyle(thread, api, options, () => {
        if (typeof options.index !== 'number') throw new WxFailure('parameter error: parameter.index should be Number')
        change(options.index, options)
        record('ui.tabBar', { index: options.index, badge: badges.get(options.index) ?? null })
        return {}
      })
  }

  function showTabBar(api: string, shown: boolean) {
    return (options: Callbacks = {}) =>
      callEitherStyle(thread, api, options, () => {
        isTabBarShown = shown
        record('ui.tabBar', { shown })
        return {}
      })
  }

  const api = {
    setClipboardData: (options: Callbacks & { data?: unknown } = {}) =>
      callEitherStyle(thread, 'setClipboardData', options, () => {
        if (typeof options.data !== 'string') throw new WxFailure('parameter error: parameter.data should be String')
        clipboard = options.data
        return {}
      }),
    getClipboardData: (options: Callbacks<{ data: string }> = {}) =>
      callEitherStyle(thread, 'getClipboardData', options, async () => {
        await check('getClipboardData')
        return { data: clipboard }
      }),
    showActionSheet: (options: Callbacks<{ tapIndex: number }> & { itemList?: unknown } = {}) =>
      callEitherStyle(thread, 'showActionSheet', options, () => {
        const { itemList } = options
        if (!Array.isArray(itemList) || itemList.length === 0 || itemList.length > MOST_ITEMS) {
          throw new WxFailure(`parameter error: itemList should have 1 to ${MOST_ITEMS} items`)
        }
        const { item } = choices
        record('ui.actionSheet', { items: itemList.length, item })
        if (item === null || item >= itemList.length) throw new WxFailure('cancel')
        return { tapIndex: item }
      }),
    setTabBarBadge: badge('setTabBarBadge', (index, { text }) => badges.set(index, String(text))),
    removeTabBarBadge: badge('removeTabBarBadge', (index) => badges.delete(index)),
    showTabBarRedDot: badge('showTabBarRedDot', (index) => badges.set(index, RED_DOT)),
    hideTabBarRedDot: badge('hideTabBarRedDot', (index) => badges.delete(index)),
    showTabBar: showTabBar('showTabBar', true),
    hideTabBar: showTabBar('hideTabBar', false),
    showToast: drawn('showToast', 'ui.toast'),
    hideToast: drawn('hideToast', 'ui.hideToast'),
    showLoading: drawn('showLoading', 'ui.loading'),
    hideLoading: drawn('hideLoading', 'ui.hideLoading'),
    setNavigationBarTitle: drawn('setNavigationBarTitle', 'ui.title'),
    showNavigationBarLoading: drawn('showNavigationBarLoading', 'ui.loading'),
    hideNavigationBarLoading: drawn('hideNavigationBarLoading', 'ui.hideLoading'),
    stopPullDownRefresh: drawn('stopPullDownRefresh', 'ui.stopPullDownRefresh'),
    showModal: (
      options: Callbacks<{ confirm: boolean; cancel: boolean }> & { title?: string; content?: string } = {},
    ) =>
      callEitherStyle(thread, 'showModal', options, () => {
        const { confirm } = choices
        record('ui.modal', { ...textOf(options), confirm })
        return { confirm, cancel: !confirm }
      }),
  }

  const tabBar: TabBar = {
    get isShown() {
      return isTabBarShown
    },
    badge: (index) => badges.get(index) ?? null,
  }
  return { api, tabBar }
}
