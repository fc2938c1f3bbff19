import { ApiError } from '../api-error.ts'

/** `wx.login` is seen to return 32 characters, a `getPhoneNumber` button 64; neither the length nor the set of characters is documented. */
const CODE = /^[\w-]+$/
const MAX_LENGTH = 256

/** The two kinds of codes, and where each comes from. */
const SOURCES = { login: 'wx.login returned', phone: 'a getPhoneNumber button gave' } as const

/**
 * Refuses what cannot be a code of WeChat, before anything is asked of WeChat or of a store.
 *
 * @param warn told what was odd about it, and nothing of the code itself: WeChat may have changed what its codes look like
 * @throws ApiError `request_invalid`
 */
export function checkCode(code: string, warn: (message: string) => void, kind: keyof typeof SOURCES = 'login'): void {
  if (code.length <= MAX_LENGTH && CODE.test(code)) return
  const unexpected = [...new Set(code.replace(/[\w-]/g, ''))].slice(0, 16).join('')
  warn(`a ${kind} code of ${code.length} characters was refused; unexpected characters: ${JSON.stringify(unexpected)}`)
  const name = kind === 'login' ? 'code' : 'the phone code'
  const detail = `${name} must be what ${SOURCES[kind]}: 1 to ${MAX_LENGTH} letters, digits, - and _`
  throw new ApiError('request_invalid', detail, { detail })
}
