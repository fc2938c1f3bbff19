import type { LogoutReason } from './contract.ts'
import { after, createWindow, type TimeWindow } from './deadline.ts'
import { problemOf, type Service } from './service.ts'

/**
 * What the service says about a session. `no route`: it has no `GET /v1/session`. `no answer`: anything else, e.g. a 5xx
 * or no network; nothing is known.
 */
export interface Verdict {
  says: 'lives' | 'ended' | 'no route' | 'no answer'
  /** Why it ended, if the service said so. */
  reason?: LogoutReason | undefined
}

/** For how long an answer counts. Doubles for the same token, up to the maximum. */
const FIRST_MEMORY_MS = 10_000
const LONGEST_MEMORY_MS = 60_000

/** How long the 401s of one address cause no further login where the service cannot be asked. Doubles up to the maximum. */
const FIRST_PAUSE_MS = 10_000
const LONGEST_PAUSE_MS = 5 * 60_000
/** So many addresses have a pause of their own. All others share one, because an app may have any number of addresses. */
const MOST_ADDRESSES = 50

/** Finds out what a 401 means: it may be about our session, or an address may answer 401 for reasons of its own. */
export interface SessionCheck {
  /** What the answer to a refused request says about the session by itself. Null: nothing, so the service must be asked. */
  read(response: unknown): Verdict | null
  /** Asks the service, one question at a time. Never rejects. */
  ask(token: string): Promise<Verdict>
  /** For a service that has no route to ask: whether a 401 of this address may cause a login now. Yes starts its pause. */
  mayGuess(address: string): boolean
}

/** @param askSession sends `GET /v1/session` with the token */
export function createSessionCheck(askSession: Service<unknown>['askSession']): SessionCheck {
  /** The question about the current token, with its answer as long as that counts. Null: ask (again). */
  let inquiry: { token: string; answer: Promise<Verdict> | null; memoryMs: number } | null = null
  const pauses: Record<string, TimeWindow> = {}
  const othersPause = createWindow(FIRST_PAUSE_MS, LONGEST_PAUSE_MS)

  return {
    read(response) {
      const { code, reason } = problemOf(response)
      return code === 'session_invalid' || code === 'session_revoked' ? { says: 'ended', reason } : null
    },

    ask(token) {
      const mine = inquiry && inquiry.token === token ? inquiry : { token, answer: null, memoryMs: FIRST_MEMORY_MS }
      inquiry = mine
      const forget = () => {
        mine.answer = null
      }
      const answer =
        mine.answer ||
        askSession(token)
          .then(toVerdict, (): Verdict => ({ says: 'no answer' }))
          .then((verdict) => {
            if (verdict.says === 'no answer') {
              forget()
              mine.memoryMs = FIRST_MEMORY_MS
            } else {
              after(mine.memoryMs, forget)
              mine.memoryMs = Math.min(mine.memoryMs * 2, LONGEST_MEMORY_MS)
            }
            return verdict
          })
      mine.answer = answer
      return answer
    },

    mayGuess(address) {
      if (!pauses[address] && Object.keys(pauses).length < MOST_ADDRESSES) {
        pauses[address] = createWindow(FIRST_PAUSE_MS, LONGEST_PAUSE_MS)
      }
      return (pauses[address] || othersPause).open()
    },
  }
}

/** Reads the answer of `GET /v1/session`. */
function toVerdict(response: { statusCode: unknown; data?: unknown }): Verdict {
  const status = String(response.statusCode)
  // Whatever stands in the body: the service, or a proxy in its name, refuses the token.
  if (status === '401') return { says: 'ended', reason: problemOf(response).reason }
  // Some web servers answer an unknown path with 200 and their start page.
  if (/404|405|501/.test(status) || (/^2/.test(status) && /^\s*</.test(String(response.data))))
    return { says: 'no route' }
  return { says: /^2/.test(status) ? 'lives' : 'no answer' }
}
