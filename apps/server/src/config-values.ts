import { isIP } from 'node:net'
import { APPID_PATTERN, createSessionKeyVault, parseS3Url } from '@weapp-auth/fastify'
import * as z from 'zod'
import type { Say } from './language.ts'

/** A mini-program of WECHAT_APPS. */
export const App = z.object({ appid: z.string().regex(APPID_PATTERN), secrets: z.array(z.string().min(1)).min(1) })

/** A whole number in decimal digits. */
export function wholeNumber(say: Say, min: number, max: number) {
  const message = say(`must be a whole number from ${min} to ${max}`, `必须是 ${min} 到 ${max} 之间的整数`)
  return z
    .string()
    .regex(/^\d{1,15}$/, message)
    .transform(Number)
    .refine((value) => value >= min && value <= max, message)
}

/** One of some words. */
export function oneOf<const T extends readonly string[]>(say: Say, values: T) {
  return z.enum(values, say(`must be one of ${values.join(', ')}`, `只能是 ${values.join('、')} 之一`))
}

/** The message for a text that is not an address. */
export function addressLike(say: Say, ...examples: string[]): string {
  return say(`must be an address like ${examples.join(' or ')}`, `必须是这样的地址：${examples.join(' 或 ')}`)
}

/** A URL of one of these protocols, written `https:`. */
export function url(say: Say, protocols: readonly string[], ...examples: string[]) {
  const isWellFormed = (value: string) => URL.canParse(value) && protocols.includes(new URL(value).protocol)
  return z.string().refine(isWellFormed, addressLike(say, ...examples))
}

/** Without anything that may be secret: the address is printed at the start. */
export function isBareAddress(text: string): boolean {
  const { username, password, search, hash } = URL.parse(text) ?? {}
  return !username && !password && !search && !hash
}

/** Checks SESSION_KEY_KEYS. The vault itself says what is wrong with a ring, in English; it never quotes a key. */
export const parseKeyRing =
  (say: Say) =>
  (keys: string, context: z.RefinementCtx): string => {
    try {
      createSessionKeyVault({ keys })
    } catch (error) {
      const problem = (error as TypeError).message.replace('keys ', '')
      const message = say(
        `${problem} (openssl rand -base64 32 makes a key)`,
        '必须形如 kid:base64,kid:base64：每个密钥 32 字节（用 openssl rand -base64 32 生成），kid 不能重复',
      )
      context.addIssue(message)
    }
    return keys
  }

/** Reads WECHAT_APPS. */
export const parseApps =
  (say: Say) =>
  (text: string, context: z.RefinementCtx): z.infer<typeof App>[] => {
    const parsed = z.array(App).min(1).safeParse(parseJson(text))
    if (parsed.success && new Set(parsed.data.map(({ appid }) => appid)).size === parsed.data.length) return parsed.data
    const example = '[{ "appid": "wx...", "secrets": ["..."] }]'
    const message = parsed.success
      ? say(
          'names an appid twice: give it all its secrets in one entry',
          '里同一个 appid 出现了两次：请把它的密钥都写在一项里',
        )
      : say(`must be JSON like ${example}`, `必须是这样的 JSON：${example}`)
    context.addIssue(message)
    return z.NEVER
  }

/** Checks AVATAR_S3_URL. Nothing of the address is quoted: the credentials stand in it. */
export const parseBucket =
  (say: Say) =>
  (url: string, context: z.RefinementCtx): string => {
    try {
      parseS3Url(url)
    } catch (error) {
      const message = say(
        (error as TypeError).message,
        '必须形如 https://id:secret@bucket.cos.ap-guangzhou.myqcloud.com?region=ap-guangzhou：带有存储桶的密钥，除 region 外没有其他参数，密钥里的特殊字符要编码',
      )
      context.addIssue(message)
    }
    return url
  }

/**
 * Reads TRUST_PROXY. It takes no number of hops and no "everybody": a caller could then write any address into the header.
 */
export const parseAddresses =
  (say: Say) =>
  (text: string, context: z.RefinementCtx): string[] => {
    const addresses = text.split(',').map((address) => address.trim())
    if (addresses.every(isAddressRange)) return addresses
    const example = '10.0.0.0/8,fd00::/8,192.0.2.7'
    const message = say(
      `must be the proxies' addresses, separated by commas, like ${example}`,
      `必须是各个代理的地址，用逗号隔开，例如 ${example}`,
    )
    context.addIssue(message)
    return z.NEVER
  }

function isAddressRange(text: string): boolean {
  const [, address = '', bits] = /^([^/]*)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const version = isIP(address)
  return version !== 0 && (bits === undefined || (Number(bits) >= 1 && Number(bits) <= (version === 4 ? 32 : 128)))
}

/** Undefined for what is no JSON, and for nothing. */
export function parseJson(text = ''): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
