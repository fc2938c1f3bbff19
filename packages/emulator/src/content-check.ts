import { WechatError } from './wechat-error.ts'

/** What a caller of `msg_sec_check` sends. */
export interface ContentCheckParams {
  access_token?: string | undefined
  content?: unknown
  /** 2; without it the check is the older one, which knows no user and answers with an errcode. */
  version?: unknown
  /** 1 profile, 2 comment, 3 forum, 4 social log. */
  scene?: unknown
  openid?: unknown
}

/** WeChat's opinion of a text. */
export interface ContentCheckResult {
  result: { suggest: 'pass' | 'review' | 'risky'; label: number }
  detail: object[]
  trace_id: string
}

/** What WeChat finds in texts. */
export interface ContentCheck {
  /**
   * Texts that hold `word` are answered with `suggest` from now on; `pass` forgets the word. At the start there is one
   * risky word, the sample text of WeChat's own page.
   *
   * @param label default 20006, 违法犯罪; the list is on the page
   */
  judge(word: string, suggest: ContentCheckResult['result']['suggest'], label?: number): void
  /**
   * @throws WechatError 40001, 40003, 40129, 41001, 42001, 45002, 47001, 61010, and 87014 without `version`
   * @see https://developers.weixin.qq.com/miniprogram/dev/server/API/sec-center/sec-check/api_msgseccheck
   */
  check(params: ContentCheckParams): ContentCheckResult | object
}

export interface ContentCheckDeps {
  checkToken: (token: string | undefined) => string
  /** How long ago the user of an openid was in the mini-program; null for an openid that WeChat does not know there. */
  unseenMs: (openid: string, appid: string) => number | null
}

const SAMPLE = '特3456书yuuo莞6543李zxcz蒜7782法fgnv级'
const LONGEST_CONTENT = 2_500
const NORMAL = 100
const ILLEGAL = 20006
/** The user must have been in the mini-program within this time. */
const SEEN_WITHIN_MS = 2 * 60 * 60_000

export function createContentCheck({ checkToken, unseenMs }: ContentCheckDeps): ContentCheck {
  const words = new Map<string, ContentCheckResult['result']>([[SAMPLE, { suggest: 'risky', label: ILLEGAL }]])
  let checks = 0

  return {
    judge(word, suggest, label = ILLEGAL) {
      if (typeof word !== 'string' || word === '') throw new TypeError('word must be a text')
      if (!['pass', 'review', 'risky'].includes(suggest)) throw new TypeError('suggest must be pass, review or risky')
      if (suggest === 'pass') words.delete(word)
      else words.set(word, { suggest, label })
    },
    check({ access_token, content, version, scene, openid }) {
      const appid = checkToken(access_token)
      if (typeof content !== 'string' || content === '') throw new WechatError(47001)
      if (content.length > LONGEST_CONTENT) throw new WechatError(45002)
      const found = [...words].filter(([word]) => content.includes(word))
      const worst = found.find(([, { suggest }]) => suggest === 'risky') ?? found[0]
      if (version === undefined) {
        if (worst?.[1].suggest === 'risky') throw new WechatError(87014)
        return { errmsg: 'ok' }
      }
      if (![1, 2, 3, 4].includes(Number(scene))) throw new WechatError(40129)
      const unseen = typeof openid === 'string' ? unseenMs(openid, appid) : null
      if (unseen === null) throw new WechatError(40003)
      if (unseen >= SEEN_WITHIN_MS) throw new WechatError(61010)
      const result = worst?.[1] ?? { suggest: 'pass' as const, label: NORMAL }
      const detail = [{ strategy: 'content_model', errcode: 0, ...result, prob: 90 }]
      return { errmsg: 'ok', result, detail, trace_id: `emulator-${++checks}` }
    },
  }
}
