import * as z from 'zod'
import type { Say } from '../language.ts'
import { isHookAddress } from './hook-address.ts'

const MIN_SECRET_LENGTH = 16

/** An address that signed calls go to. A problem quotes nothing of it, because a token may stand in its query. */
export function hookAddress(say: Say): z.ZodType<string, string> {
  return z
    .string()
    .refine(
      isHookAddress,
      say(
        'must be an https address, or an http address of this machine or a private network, without a user and a fragment',
        '必须是 https 地址，或者本机、内网的 http 地址，不能带用户名和 #',
      ),
    )
}

/** What hook calls are signed with. */
export function hookSecret(say: Say): z.ZodType<string, string> {
  const problem = say(
    `must have at least ${MIN_SECRET_LENGTH} characters (openssl rand -hex 32 makes one)`,
    `至少要有 ${MIN_SECRET_LENGTH} 个字符（用 openssl rand -hex 32 生成）`,
  )
  return z.string().min(MIN_SECRET_LENGTH, problem)
}

/** Problems of the variables of hooks together. */
export function* findHookContradictions(e: Readonly<Record<string, string | undefined>>, say: Say): Generator<string> {
  for (const name of ['HOOK_SIGN_IN_URL', 'EVENTS_URL']) {
    if (!e[name] || e.HOOK_SECRET) continue
    yield say(
      `${name} needs HOOK_SECRET, which its calls are signed with: set it to the output of openssl rand -hex 32`,
      `使用 ${name} 时必须设置 HOOK_SECRET，用来给请求签名：请设为 openssl rand -hex 32 的输出`,
    )
  }
}
