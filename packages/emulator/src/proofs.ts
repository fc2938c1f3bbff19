import { forbiddenIn } from './forbidden.ts'
import type { Ledger } from './ledger.ts'
import type { Device } from './wx/device.ts'

/** What a ledger proves of a sign-in, as sentences about what is wrong; no sentence is a proof that nothing is. */
export interface Proofs {
  /** Codes that were sent to WeChat more than once, phone codes too. */
  codesUsedTwice: string[]
  /** Calls that WeChat refused, in the order in which they came. */
  refusals: string[]
}

/** The calls that spend a code. */
const SPENDING = ['jscode2session', 'getuserphonenumber']

/** What the ledger of a WeChat says of the service that called it. */
export function proofsOf(ledger: Ledger): Proofs {
  const sent = new Map<string, number>()
  const refusals: string[] = []
  for (const { side, event, code, errcode } of ledger.entries()) {
    if (side !== 'wechat') continue
    if (typeof code === 'string' && SPENDING.includes(event)) sent.set(code, (sent.get(code) ?? 0) + 1)
    if (typeof errcode === 'number' && errcode !== 0) {
      refusals.push(`WeChat answered ${event} with errcode ${errcode}${code ? ` (code ${code})` : ''}`)
    }
  }
  const twice = [...sent].filter(([, times]) => times > 1)
  return { codesUsedTwice: twice.map(([code, times]) => `code ${code} was sent to WeChat ${times} times`), refusals }
}

/**
 * Throws unless each code was sent to WeChat at most once. A code is spent by its first use, so a second one is a retry
 * that should have asked the phone for a new code, or a code that somebody replayed.
 *
 * @throws Error that names the codes as the ledger does
 */
export function expectCodesUsedOnce({ ledger }: { ledger: Ledger }): void {
  if (ledger.dropped > 0) throw new Error('the ledger has dropped its oldest entries, so it proves nothing any more')
  fail(proofsOf(ledger).codesUsedTwice)
}

/**
 * Throws if the phone holds or has received what WeChat forbids there: a session_key or an access_token. Looks into the
 * storage of the mini-program and, on a device with `bodies: true`, into the answers it got. Needs the ledger of the world:
 * a phone in another process does not know WeChat's secrets.
 *
 * @throws Error that says where
 */
export function expectNoSecretOnPhone(device: Pick<Device, 'ledger' | 'storage' | 'name'>): void {
  const { ledger, storage, name } = device
  const stored = storage
    .keys()
    .flatMap((key) =>
      forbiddenIn(ledger, `${key} ${JSON.stringify(storage.get(key))}`).map(
        (secret) => `${name} stored ${secret} under "${key}"`,
      ),
    )
  const received = ledger
    .entries()
    .filter((entry) => entry.device === name && typeof entry.secrets === 'string')
    .map(({ secrets, url }) => `${name} received ${secrets} from ${url}`)
  fail([...stored, ...received])
}

/**
 * Throws if the phone called `wx.login` more often than expected: WeChat allows twice the page views of a day, and a loop of
 * logins uses that up for everybody.
 *
 * @throws Error with the number
 */
export function expectLogins(device: Pick<Device, 'ledger' | 'name'>, most: number): void {
  const count = device.ledger.count('wx.login', { device: device.name })
  if (count > most) fail([`${device.name} called wx.login ${count} times, expected at most ${most}`])
}

function fail(sentences: readonly string[]): void {
  if (sentences.length > 0) throw new Error(sentences.join('\n'))
}
