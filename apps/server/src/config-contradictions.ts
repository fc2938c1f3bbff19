import { DEFAULTS } from '@weapp-auth/fastify'
import { findHookContradictions } from './hooks/settings.ts'
import type { Say } from './language.ts'
import { LOOPBACK } from './loopback.ts'
import { findPushContradictions } from './push-config.ts'
import { findServiceContradictions } from './service-api/settings.ts'

/** Problems of several variables together. */
export function* findContradictions(e: Readonly<Record<string, string | undefined>>, say: Say): Generator<string> {
  if ((e.WECHAT_EMULATOR ?? 'off') === 'off') {
    if (e.WECHAT_APPID && !e.WECHAT_SECRET)
      yield say(
        'WECHAT_APPID is set without WECHAT_SECRET: set both',
        '设置了 WECHAT_APPID，却没有 WECHAT_SECRET：两个都要设置',
      )
    if (e.WECHAT_SECRET && !e.WECHAT_APPID)
      yield say(
        'WECHAT_SECRET is set without WECHAT_APPID: set both',
        '设置了 WECHAT_SECRET，却没有 WECHAT_APPID：两个都要设置',
      )
    if (!e.WECHAT_APPID && !e.WECHAT_SECRET && !e.WECHAT_APPS) {
      yield say(
        'no mini-program is configured: set WECHAT_APPID and WECHAT_SECRET (mp.weixin.qq.com, Development > Development Settings), or WECHAT_EMULATOR=on to try the service without an account',
        '还没有配置小程序：请设置 WECHAT_APPID 和 WECHAT_SECRET（mp.weixin.qq.com 的“开发管理 > 开发设置”）；没有账号想先试用，请设置 WECHAT_EMULATOR=on',
      )
    }
  } else {
    if (e.WECHAT_SECRET || e.WECHAT_APPS) {
      yield say(
        'WECHAT_EMULATOR signs anybody in as anybody, so it is refused beside a real secret: unset WECHAT_SECRET and WECHAT_APPS, or WECHAT_EMULATOR',
        'WECHAT_EMULATOR 会让任何人以任何身份登录，不能和真实的密钥一起使用：请去掉 WECHAT_SECRET 和 WECHAT_APPS，或者去掉 WECHAT_EMULATOR',
      )
    }
    if (e.WECHAT_EMULATOR === 'on' && e.HOST && !LOOPBACK.test(e.HOST)) {
      yield say(
        `WECHAT_EMULATOR signs anybody in as anybody, so it is refused on HOST=${e.HOST}: use 127.0.0.1, or WECHAT_EMULATOR=exposed if that is what you want`,
        `WECHAT_EMULATOR 会让任何人以任何身份登录，不能用在 HOST=${e.HOST} 上：请改用 127.0.0.1；确实要对外开放，请设置 WECHAT_EMULATOR=exposed`,
      )
    }
    if (e.WECHAT_API_BASE_URL) {
      yield say(
        'WECHAT_API_BASE_URL has no meaning with WECHAT_EMULATOR: unset one of them',
        '打开 WECHAT_EMULATOR 后，WECHAT_API_BASE_URL 没有意义：请去掉其中一个',
      )
    }
  }
  if (e.WECHAT_APPS && (e.WECHAT_APPID || e.WECHAT_SECRET)) {
    yield say(
      'WECHAT_APPS and WECHAT_APPID/WECHAT_SECRET are both set: put every mini-program into WECHAT_APPS',
      'WECHAT_APPS 和 WECHAT_APPID/WECHAT_SECRET 不能同时设置：请把所有小程序都写进 WECHAT_APPS',
    )
  }
  if (
    Number(e.SESSION_ABSOLUTE_SECONDS ?? DEFAULTS.sessionAbsoluteSeconds) <
    Number(e.SESSION_IDLE_SECONDS ?? DEFAULTS.sessionIdleSeconds)
  ) {
    yield say(
      'SESSION_ABSOLUTE_SECONDS must not be shorter than SESSION_IDLE_SECONDS',
      'SESSION_ABSOLUTE_SECONDS 不能小于 SESSION_IDLE_SECONDS',
    )
  }
  if (e.DATABASE_URL && !e.SESSION_KEY_KEYS) {
    yield say(
      'DATABASE_URL needs SESSION_KEY_KEYS, because every process has to open what another one sealed: set it to k1:<output of openssl rand -base64 32>',
      '使用 DATABASE_URL 时必须设置 SESSION_KEY_KEYS，因为一个进程加密的内容，其他进程也要能解开：请设为 k1:<openssl rand -base64 32 的输出>',
    )
  }
  yield* findPushContradictions(e, say)
  yield* findHookContradictions(e, say)
  yield* findServiceContradictions(e, say)
}
