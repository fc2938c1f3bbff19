import * as z from 'zod'
import type { Say } from '../language.ts'
import { LOOPBACK } from '../loopback.ts'
import { parseServiceTokens, SCOPES, type ServiceToken, ServiceTokensError } from './tokens.ts'

/** Reads `SERVICE_TOKENS`. A problem quotes nothing of an entry, because somebody may have put the token itself there. */
export const parseTokens =
  (say: Say) =>
  (text: string, context: z.RefinementCtx): ServiceToken[] => {
    try {
      return parseServiceTokens(text)
    } catch (error) {
      if (!(error instanceof ServiceTokensError)) throw error
      const { fault, place } = error
      const scopes = SCOPES.join(', ')
      const message = {
        shape: say(
          `must be name:scope+scope:sha256hex, separated by commas (weapp-auth token makes one): entry ${place} is not`,
          `必须形如 name:scope+scope:sha256hex，用逗号隔开（用 weapp-auth token 生成）：第 ${place} 项不是`,
        ),
        scope: say(
          `entry ${place} has a scope that is none of ${scopes}`,
          `第 ${place} 项的权限范围只能是 ${SCOPES.join('、')} 之一`,
        ),
        digest: say(
          `entry ${place} must end with the SHA-256 of a token, 64 hex digits in lower case, and never with the token itself`,
          `第 ${place} 项必须以令牌的 SHA-256 结尾（64 位小写十六进制），不能写令牌本身`,
        ),
        twice: say(`entry ${place} has the token of an earlier entry`, `第 ${place} 项的令牌和前面的某一项相同`),
      }[fault]
      context.addIssue(message)
      return z.NEVER
    }
  }

/** Problems of the `SERVICE_…` variables together. They are strict, because a token of this listener can end every session. */
export function* findServiceContradictions(
  e: Readonly<Record<string, string | undefined>>,
  say: Say,
): Generator<string> {
  if (!e.SERVICE_PORT !== !e.SERVICE_TOKENS) {
    yield say(
      'SERVICE_PORT and SERVICE_TOKENS need each other: set both, or none to have no service API',
      'SERVICE_PORT 和 SERVICE_TOKENS 缺一不可：请两个都设置；不用服务 API 就都不设置',
    )
  }
  if (!e.SERVICE_PORT) return
  const host = e.SERVICE_HOST ?? '127.0.0.1'
  if (!LOOPBACK.test(host) && e.SERVICE_EXPOSED !== 'on') {
    yield say(
      `SERVICE_HOST=${host} can be reached from other machines, and phones must never reach it: use 127.0.0.1, or set SERVICE_EXPOSED=on if only your own network gets there`,
      `SERVICE_HOST=${host} 可以从其他机器访问，而它绝不能让手机访问到：请改用 127.0.0.1；如果只有内网能访问，请设置 SERVICE_EXPOSED=on`,
    )
  }
  if (e.SERVICE_PORT !== '0' && e.SERVICE_PORT === (e.PORT ?? '3000')) {
    yield say(
      'SERVICE_PORT must not be PORT, where phones sign in: choose another one',
      'SERVICE_PORT 不能和 PORT 相同，PORT 是给手机登录用的：请换一个端口',
    )
  }
}
