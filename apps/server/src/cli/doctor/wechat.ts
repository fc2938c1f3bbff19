import type { Config } from '../../config.ts'
import type { Say } from '../../language.ts'
import type { Finding } from './finding.ts'

const TIMEOUT_MS = 5_000
/** A clock that is wrong by more is a problem: encrypted data carry WeChat's time, which may be five minutes ahead of ours at most. */
const WORST_CLOCK_MS = 60_000
const WRONG_CLOCK_MS = 5_000

/** What WeChat answered. */
export interface Answered {
  errcode: number
  body: Record<string, unknown>
  /** WeChat's clock less ours, in milliseconds; null: it did not say. */
  clockMs: number | null
}

/** Asks WeChat for an access_token with each secret. It forces no new one, so that no token of the service ends. */
export async function checkWechat({ apps, wechatApiBaseUrl: baseUrl }: Config, say: Say): Promise<Finding[]> {
  const findings: Finding[] = []
  let clockMs: number | null = null
  for (const { appid, secrets } of apps) {
    for (const [at, secret] of secrets.entries()) {
      const about = secrets.length === 1 ? `WeChat ${appid}` : `WeChat ${appid}, secret ${at + 1} of ${secrets.length}`
      try {
        const body = { grant_type: 'client_credential', appid, secret }
        const answer = await askWechat(baseUrl, '/cgi-bin/stable_token', { body })
        clockMs ??= answer.clockMs
        findings.push({ about, ...explain(answer, say) })
      } catch (error) {
        findings.push({
          state: 'bad',
          about,
          what: say(`${baseUrl} cannot be reached (${reasonOf(error)})`, `无法访问 ${baseUrl}（${reasonOf(error)}）`),
          fix: say(
            'look at the firewall, the proxy and the DNS of this machine, and at WECHAT_API_BASE_URL',
            '请检查本机的防火墙、代理和 DNS，以及 WECHAT_API_BASE_URL',
          ),
        })
      }
    }
  }
  if (clockMs !== null) findings.push(checkClock(clockMs, say))
  return findings
}

/** One request. Its address and body hold secrets, so nothing of them is in an error. */
export async function askWechat(
  baseUrl: string,
  path: string,
  o: { query?: Record<string, string>; body?: object },
): Promise<Answered> {
  const url = new URL(`${baseUrl.replace(/\/+$/, '')}${path}`)
  url.search = new URLSearchParams(o.query).toString()
  const sentAtMs = Date.now()
  const response = await fetch(url, {
    redirect: 'error',
    signal: AbortSignal.timeout(TIMEOUT_MS),
    ...(o.body && { method: 'POST', body: JSON.stringify(o.body) }),
  })
  const body: unknown = JSON.parse(await response.text())
  if (typeof body !== 'object' || body === null) throw new Error('an answer that is no object')
  const { errcode = 0 } = body as { errcode?: unknown }
  const date = Date.parse(response.headers.get('date') ?? '')
  // The header has whole seconds, rounded down: half a second is the mean of what is missing.
  const clockMs = Number.isNaN(date) ? null : date + 500 - (sentAtMs + Date.now()) / 2
  return { errcode: Number(errcode), body: body as Record<string, unknown>, clockMs }
}

function explain({ errcode, body }: Answered, say: Say): Omit<Finding, 'about'> {
  const page = say(
    'mp.weixin.qq.com, Development Management > Development Settings',
    'mp.weixin.qq.com 的“开发管理 > 开发设置”',
  )
  const bad = (what: string, fix: string) => ({ state: 'bad', what, fix }) as const
  switch (errcode) {
    case 0:
      if (typeof body.access_token !== 'string') {
        return bad(
          say('the answer holds no access_token', '应答中没有 access_token'),
          say('look at what stands between this machine and WeChat', '请检查本机和微信之间的代理'),
        )
      }
      return { state: 'good', what: say('appid and AppSecret are right', 'appid 和 AppSecret 正确') }
    case 40164: {
      const address = /\d{1,3}(\.\d{1,3}){3}|[0-9a-f]*:[0-9a-f:.]+/i.exec(String(body.errmsg))?.[0] ?? ''
      return bad(
        say(
          `the address ${address} of this server is not in the IP allow-list (40164)`,
          `本机的地址 ${address} 不在 IP 白名单中（40164）`,
        ),
        say(`add ${address} to the list: ${page}`, `请把 ${address} 加入 IP 白名单：${page}`),
      )
    }
    case 40125:
      return bad(
        say('the AppSecret is wrong (40125)', 'AppSecret 错误（40125）'),
        say(
          `compare WECHAT_SECRET or WECHAT_APPS with the secret, or reset it and put the new one there: ${page}`,
          `请核对 WECHAT_SECRET 或 WECHAT_APPS 中的 AppSecret；忘记了就重置，再填入新的：${page}`,
        ),
      )
    case 40013:
      return bad(
        say('WeChat knows no such appid (40013)', '微信没有这个 appid（40013）'),
        say(`compare WECHAT_APPID or WECHAT_APPS: ${page}`, `请核对 WECHAT_APPID 或 WECHAT_APPS：${page}`),
      )
    case 40243:
      return bad(
        say('the AppSecret is frozen (40243)', 'AppSecret 已被冻结（40243）'),
        say(`unfreeze it, which takes ten minutes: ${page}`, `请解冻，十分钟后生效：${page}`),
      )
    default:
      return bad(
        say(`WeChat answered errcode ${errcode}`, `微信返回错误码 ${errcode}`),
        say(
          `look the number up in WeChat's list of return codes, and see the notices at mp.weixin.qq.com`,
          '请在微信的全局返回码列表中查询，并查看 mp.weixin.qq.com 的通知中心',
        ),
      )
  }
}

function checkClock(clockMs: number, say: Say): Finding {
  const seconds = Math.round(Math.abs(clockMs) / 1000)
  const about = say('clock', '时钟')
  if (Math.abs(clockMs) < WRONG_CLOCK_MS) {
    return { state: 'good', about, what: say('agrees with that of WeChat', '和微信的时钟一致') }
  }
  return {
    state: Math.abs(clockMs) < WORST_CLOCK_MS ? 'warning' : 'bad',
    about,
    what: say(
      `is ${seconds} s ${clockMs > 0 ? 'behind' : 'ahead of'} that of WeChat`,
      `比微信的时钟${clockMs > 0 ? '慢' : '快'} ${seconds} 秒`,
    ),
    fix: say('keep the time with chrony or systemd-timesyncd', '请用 chrony 或 systemd-timesyncd 同步时间'),
  }
}

/** `fetch` says no more than "fetch failed": its cause has the reason. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError') return `${TIMEOUT_MS} ms`
  const { cause = error } = error
  return cause instanceof Error && 'code' in cause ? String(cause.code) : (cause as Error).message
}
