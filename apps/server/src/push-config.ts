import { APPID_PATTERN } from '@weapp-auth/fastify'
import * as z from 'zod'
import { App, parseJson } from './config-values.ts'
import type { Say } from './language.ts'

const Apps = z.record(
  z.string().regex(APPID_PATTERN),
  z.object({ token: z.string().regex(/^[A-Za-z0-9]{3,32}$/), aesKey: z.string().regex(/^[A-Za-z0-9]{43}$/) }),
)

/** What WeChat's push is signed and encrypted with, by appid. */
export type PushApps = z.infer<typeof Apps>

/** Reads WECHAT_PUSH. A problem quotes nothing of it, because it holds the secrets. */
export const parsePush =
  (say: Say): ((text: string, context: z.RefinementCtx) => PushApps) =>
  (text, context) => {
    const parsed = Apps.safeParse(parseJson(text))
    if (parsed.success && Object.keys(parsed.data).length > 0) return parsed.data
    const example = '{ "wx...": { "token": "...", "aesKey": "..." } }'
    const message = say(
      `must be JSON like ${example}: the Token (3 to 32 letters and digits) and the EncodingAESKey (43 letters and digits) of Development Settings > Message Push`,
      `必须是这样的 JSON：${example}，也就是“开发设置 > 消息推送”里的 Token（3 到 32 个字母或数字）和 EncodingAESKey（43 个字母或数字）`,
    )
    context.addIssue(message)
    return z.NEVER
  }

/** Every mini-program of WECHAT_PUSH must sign in here. The demonstration is not checked: it has a mini-program of its own. */
export function* findPushContradictions(e: Readonly<Record<string, string | undefined>>, say: Say): Generator<string> {
  if ((e.WECHAT_EMULATOR ?? 'off') !== 'off') return
  const apps = z.array(App).safeParse(parseJson(e.WECHAT_APPS))
  const isKnown = (appid: string) => appid === e.WECHAT_APPID || apps.data?.some((app) => app.appid === appid)
  const unknown = Object.keys(Object(parseJson(e.WECHAT_PUSH))).find((appid) => !isKnown(appid))
  if (unknown !== undefined) {
    yield say(
      `WECHAT_PUSH names ${unknown}, which is not one of the mini-programs of WECHAT_APPID or WECHAT_APPS`,
      `WECHAT_PUSH 里的 ${unknown} 不在 WECHAT_APPID 或 WECHAT_APPS 中`,
    )
  }
}
