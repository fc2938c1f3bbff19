import type { AccessTokens } from './access-token.ts'
import { before, type WechatAnswer } from './api-call.ts'
import { ACCESS_TOKEN_REFUSED } from './errcodes.ts'

/**
 * Calls an API of WeChat that needs an access_token. One that WeChat refuses is refreshed, and the call made again, once.
 *
 * @throws ApiError `appid_unknown`, `wechat_*` or `store_unavailable`, of the access_token; `wechat_timeout` at `giveUpAtMs`
 */
export async function withAccessToken(
  accessTokens: AccessTokens,
  { appid, giveUpAtMs }: { appid: string; giveUpAtMs: number },
  call: (accessToken: string) => Promise<WechatAnswer>,
): Promise<WechatAnswer> {
  // A token may be fetched for many at once; each of them waits no longer than its own deadline.
  const { value: first } = await before(giveUpAtMs, accessTokens.get(appid))
  const answer = await call(first)
  if (!ACCESS_TOKEN_REFUSED.has(answer.errcode)) return answer
  const { value: second } = await before(giveUpAtMs, accessTokens.get(appid, first))
  return call(second)
}
