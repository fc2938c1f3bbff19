import { ApiError } from '@weapp-auth/fastify'

/**
 * Where a request goes whose address cannot be decoded. To Fastify it would be an error before any hook, and its answer would lack
 * the headers of all others.
 */
export const UNDECODABLE = '/undecodable-address'

/** Fastify's option `rewriteUrl`. */
export function rewriteUndecodable({ url = '/' }: { url?: string | undefined }): string {
  return isDecodable(url) ? url : UNDECODABLE
}

/** The error for such a request. The address is not repeated. */
export function undecodable(): ApiError {
  const detail = 'the address cannot be decoded'
  return new ApiError('request_invalid', detail, { detail })
}

function isDecodable(url: string): boolean {
  if (!url.includes('%')) return true
  try {
    decodeURI(url.split('?', 1)[0] ?? '')
    return true
  } catch {
    return false
  }
}
