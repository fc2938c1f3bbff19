import type { Config } from '../../config.ts'
import type { Say } from '../../language.ts'
import { LOOPBACK } from '../../loopback.ts'
import { readConfig } from '../config.ts'
import { findRunningService } from '../running-service.ts'
import { type Command, EXIT, WrongUseError } from '../terminal.ts'
import type { Finding } from './finding.ts'
import { checkOpenStores } from './open-stores.ts'
import { checkReal } from './real.ts'
import { checkRedis } from './redis.ts'
import { checkUsers } from './stores.ts'
import { checkWechat } from './wechat.ts'

/** Options of `weapp-auth doctor`. */
export interface DoctorOptions {
  /** A code that `wx.login` has just given. */
  real?: string
  /** The mini-program that the code is of. Default: the first one. */
  appid?: string
  json?: boolean
}

const MARKS = { good: '✓', warning: '!', bad: '✗' } as const

/**
 * Looks at what a service needs, and says of each thing whether it is right and what to do. Nothing is changed.
 *
 * @returns `failed` when something is wrong, not for a mere warning
 * @throws ConfigError
 */
export async function examine(command: Command, { real, appid, json }: DoctorOptions): Promise<number> {
  const { say, stdout } = command
  const config = readConfig(command)
  if (real !== undefined && config.emulator) {
    throw new WrongUseError(say('--real needs the real WeChat', '--real 需要真实的微信'))
  }
  const running = await findRunningService(config)
  const about = say('configuration', '配置')
  const findings: Finding[] = [
    { state: 'good', about, what: say('can be used', '可以使用') },
    ...(config.emulator ? [] : await checkWechat(config, say)),
    ...(running ? await checkOpenStores(running, config, say) : []),
    // The service that has embedded users open compared the key ring when it started.
    ...(running && !config.databaseUrl ? [] : await checkUsers(config, say)),
    ...(await checkRedis(config, say)),
    checkProxy(config, say),
    ...(real === undefined ? [] : await checkReal(config, { code: real, ...(appid !== undefined && { appid }) }, say)),
  ]
  stdout.write(json ? `${JSON.stringify(findings)}\n` : findings.map(toLines).join(''))
  return findings.some(({ state }) => state === 'bad') ? EXIT.failed : EXIT.done
}

function toLines({ state, about, what, fix }: Finding): string {
  return `${MARKS[state]} ${about}: ${what}\n${fix ? `    → ${fix}\n` : ''}`
}

/** Phones speak https alone, so they come through a proxy, and their addresses are in a header. */
function checkProxy({ trustProxy, host }: Config, say: Say): Finding {
  const about = 'TRUST_PROXY'
  if (trustProxy.length > 0) return { state: 'good', about, what: trustProxy.join(', ') }
  const proxy = LOOPBACK.test(host) ? '127.0.0.1' : '10.0.0.0/8'
  return {
    state: 'warning',
    about,
    what: say(
      'is not set: behind a proxy all phones have one address, and share one limit of sign-ins',
      '没有设置：在代理后面，所有手机都是同一个地址，共用一个登录限额',
    ),
    fix: say(`set it to the address of the proxy, e.g. ${proxy}`, `请设为代理的地址，例如 ${proxy}`),
  }
}
