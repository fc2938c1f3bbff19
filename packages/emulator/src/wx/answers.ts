import { messageOf } from '../message-of.ts'
import { WxFailure } from './api-call.ts'

/** What `success` gets, without `errMsg`; an Error whose message follows `fail`; or what makes either of the options. */
export type Answer = object | Error | ((options: Record<string, unknown>) => object | Error)

/**
 * What a tester answers to calls of `wx` that the emulator does not play: `answers.set('requestPayment', {})`,
 * `answers.set('getLocation', { latitude: 39.9, longitude: 116.4 })`, `answers.set('scanCode', new Error('cancel'))`.
 */
export interface Answers {
  set(api: string, answer: Answer): void
  clear(api?: string): void
  has(api: string): boolean
  /** @throws WxFailure when the answer is an Error */
  give(api: string, options: object): object
}

/** @param names the functions of `wx` that take callbacks and are not played */
export function createAnswers(names: ReadonlySet<string>): Answers {
  const answers = new Map<string, Answer>()

  return {
    set(api, answer) {
      if (!names.has(api))
        throw new TypeError(`wx.${api} takes no answer: it is played, takes no callbacks, or is not there`)
      answers.set(api, answer)
    },
    clear(api) {
      if (api === undefined) answers.clear()
      else answers.delete(api)
    },
    has: (api) => answers.has(api),
    give(api, options) {
      const answer = answers.get(api) ?? {}
      const given = typeof answer === 'function' ? answer(options as Record<string, unknown>) : answer
      if (given instanceof Error) throw new WxFailure(messageOf(given))
      return given
    },
  }
}
