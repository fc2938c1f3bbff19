import { ApiError } from '../api-error.ts'

/** What `wx.login` is seen to return, 32 characters; neither the length nor the set of characters is documented. */
const CODE = /^[\w-]+$/
const MAX_LENGTH = 256

/**
 * Refuses what cannot be a code of `wx.login`, before anything is asked of WeChat or of a store.
 *
 * @param warn told what was odd about it, and nothing of the code itself: WeChat may have changed what its codes look like
 * @throws ApiError `request_invalid`
 */
export function checkCode(code: string, warn: (message: string) => void): void {
  if (code.length <= MAX_LENGTH && CODE.test(code)) return
  const unexpected = [...new Set(code.replace(/[\w-]/g, ''))].slice(0, 16).join('')
  warn(`a login code of ${code.length} characters was refused; unexpected characters: ${JSON.stringify(unexpected)}`)
  const detail = `code must be what wx.login returned: 1 to ${MAX_LENGTH} letters, digits, - and _`
  throw new ApiError('request_invalid', detail, { detail })
}
