/** One way to look up what was typed. */
export interface Guess {
  /** The name of this way in `TEXTS`. */
  as: 'asId' | 'asExternalId' | 'asPhone' | 'asOpenid'
  /** What is sent. */
  body: Record<string, unknown>
  appid?: string
}

const USER_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
/** WeChat's openids have 28 characters. */
const OPENID = /^[\w-]{28}$/
const VISIBLE = /^[\x21-\x7e]{1,128}$/

/** Whether it could be an openid, which is looked up in each mini-program. */
export function mayBeOpenid(text: string): boolean {
  return OPENID.test(text)
}

/** All ways to look up a text: a text that looks like a phone number, for example, may also be one of your own ids. */
export function guessesOf(text: string, appids: readonly string[]): Guess[] {
  const guesses: Guess[] = []
  if (USER_ID.test(text.toLowerCase())) guesses.push({ as: 'asId', body: { id: text.toLowerCase() } })
  const phone = findPhone(text)
  if (phone) guesses.push({ as: 'asPhone', body: { phone } })
  if (mayBeOpenid(text)) {
    for (const appid of appids) guesses.push({ as: 'asOpenid', appid, body: { appid, openid: text } })
  }
  if (VISIBLE.test(text)) guesses.push({ as: 'asExternalId', body: { externalId: text } })
  return guesses
}

/** `13800138000`, `138 0013 8000`, `+86 138-0013-8000`; of other countries with a plus sign and a space: `+44 7911123456`. */
function findPhone(text: string): { number: string; countryCode?: string } | null {
  const [, mainland] = /^(?:\+?86)?(1\d{10})$/.exec(text.replace(/[\s-]/g, '')) ?? []
  if (mainland) return { number: mainland }
  const [, countryCode, number] = /^\+(\d{1,4})[\s-]+([\d\s-]{4,20})$/.exec(text) ?? []
  return countryCode && number ? { countryCode, number: number.replace(/\D/g, '') } : null
}
