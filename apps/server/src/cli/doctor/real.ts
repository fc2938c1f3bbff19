import { createHmac } from 'node:crypto'
import { DEFAULTS } from '@weapp-auth/fastify'
import type { Config } from '../../config.ts'
import type { Say } from '../../language.ts'
import type { Finding } from './finding.ts'
import { type Answered, askWechat, reasonOf } from './wechat.ts'

/** Other hosts that WeChat names for its API. No document says whether they exchange login codes. */
const OTHER_HOSTS = ['api2', 'sh.api', 'sz.api', 'hk.api'].map((name) => `https://${name}.weixin.qq.com`)
const CODE = /^[A-Za-z0-9_-]{1,256}$/
/** The errcode for a code that was never one. A host that answers it has looked the code up. */
const INVALID_CODE = 40029

/**
 * Exchanges one code that a phone has just got from `wx.login`, and reads back what no document says. Neither the code nor the
 * openid nor the session_key is shown.
 */
export async function checkReal(
  { apps, wechatApiBaseUrl: baseUrl }: Config,
  { code, appid = apps[0]?.appid }: { code: string; appid?: string },
  say: Say,
): Promise<Finding[]> {
  const app = apps.find((each) => each.appid === appid)
  const secret = app?.secrets[0]
  if (!app || !secret) {
    const what = say(`${appid} is no mini-program of this configuration`, `${appid} 不是本配置中的小程序`)
    return [{ state: 'bad', about: 'code2Session', what }]
  }
  const exchange = (base: string, js_code: string) =>
    askWechat(base, '/sns/jscode2session', {
      query: { appid: app.appid, secret, js_code, grant_type: 'authorization_code' },
    })
  const shape = describeCode(code)
  const findings: Finding[] = [
    {
      state: CODE.test(code) ? 'good' : 'warning',
      about: say('the code', '登录 code'),
      what: shape,
      ...(!CODE.test(code) && {
        fix: say(
          'the service refuses such a code: please report this line',
          '服务会拒绝这样的 code：请把这一行反馈给我们',
        ),
      }),
    },
  ]
  const answer = await exchange(baseUrl, code)
  findings.push(describeExchange(answer, say))
  if (answer.errcode !== 0) return findings
  findings.push(await checkSignature(baseUrl, { appid: app.appid, secret }, answer.body, say))
  const used = await exchange(baseUrl, code)
  findings.push({
    state: 'good',
    about: say('the same code again', '再次使用同一个 code'),
    what: `errcode ${used.errcode}`,
  })
  if (baseUrl !== DEFAULTS.wechatApiBaseUrl) return findings
  for (const host of OTHER_HOSTS) {
    const found = await exchange(host, 'no-code-of-wx-login').catch((error: unknown) => reasonOf(error))
    const what =
      typeof found === 'string'
        ? say(`does not answer (${found})`, `没有应答（${found}）`)
        : found.errcode === INVALID_CODE
          ? say('exchanges codes', '可以兑换 code')
          : `errcode ${found.errcode}`
    findings.push({ state: 'good', about: host, what })
  }
  return findings
}

/** Describes the length and the characters of a code without quoting it. */
function describeCode(code: string): string {
  const kinds = { 'a-z': /[a-z]/, 'A-Z': /[A-Z]/, '0-9': /[0-9]/, _: /_/, '-': /-/ }
  const found = Object.entries(kinds).flatMap(([name, pattern]) => (pattern.test(code) ? [name] : []))
  const others = new Set(code.replaceAll(/[\w-]/g, '')).size
  return `${code.length} × ${found.join(' ')}${others > 0 ? ` + ${others} other` : ''}`
}

function describeExchange({ errcode, body }: Answered, say: Say): Finding {
  const about = 'code2Session'
  if (errcode !== 0) {
    return {
      state: 'bad',
      about,
      what: `errcode ${errcode}`,
      fix: say(
        'take a new code from wx.login of this mini-program, and run this within five minutes',
        '请在这个小程序里重新调用 wx.login 取得 code，五分钟内运行本命令',
      ),
    }
  }
  const fields = Object.keys(body).sort().join(', ')
  return { state: 'good', about, what: say(`answers with ${fields}`, `返回的字段：${fields}`) }
}

/** Finds out which form of the session_key WeChat signs with, because its documents do not say it for checksession. */
async function checkSignature(
  baseUrl: string,
  app: { appid: string; secret: string },
  body: Record<string, unknown>,
  say: Say,
): Promise<Finding> {
  const about = 'checksession'
  const token = await askWechat(baseUrl, '/cgi-bin/stable_token', {
    body: { grant_type: 'client_credential', ...app },
  })
  const check = async (key: string | Buffer) => {
    const query = {
      access_token: String(token.body.access_token),
      openid: String(body.openid),
      signature: createHmac('sha256', key).update('').digest('hex'),
      sig_method: 'hmac_sha256',
    }
    return (await askWechat(baseUrl, '/wxa/checksession', { query })).errcode
  }
  const sessionKey = String(body.session_key)
  const [asText, asBytes] = [await check(sessionKey), await check(Buffer.from(sessionKey, 'base64'))]
  const isText = asText === 0
  return {
    state: isText ? 'good' : 'warning',
    about,
    what: say(
      `key as text: errcode ${asText}; as bytes: errcode ${asBytes}`,
      `密钥按文本：错误码 ${asText}；按字节：错误码 ${asBytes}`,
    ),
    ...(!isText && {
      fix: say('this service signs with the text: please report this line', '本服务按文本签名：请把这一行反馈给我们'),
    }),
  }
}
