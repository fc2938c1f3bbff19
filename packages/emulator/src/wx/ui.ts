import type { LedgerDetail } from '../ledger.ts'
import { type Callbacks, callEitherStyle } from './api-call.ts'
import type { DeviceContext } from './context.ts'
import { SMALL_PNG } from './pictures.ts'

/** What the person in front of the phone does when the app asks. */
export interface UserChoices {
  /** The answer to dialogs. Default true: 确定. */
  confirm: boolean
  /** Whether the user gives what the app asks for: the phone number, an avatar, messages. Default true. */
  allow: boolean
  /** The bytes of the picture that the user chooses. Default a small PNG. */
  picture: Uint8Array
}

/** The parts of the screen that `wx` itself draws: nothing is drawn, the ledger tells what would be. */
export function createUiApi({ ledger, record, thread }: DeviceContext) {
  const choices: UserChoices = { confirm: true, allow: true, picture: SMALL_PNG }

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

  const api = {
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

  return { api, choices }
}
