import { parseArgs } from 'node:util'
import { isLoopbackHost } from './http/loopback-host.ts'
import { startWechat } from './http/start-wechat.ts'
import { messageOf } from './message-of.ts'
import { UsageError } from './run-arguments.ts'
import { createWorld, DEMO_APP, type WechatApp } from './world.ts'

/** What a command line asks for. */
export interface ServeOptions {
  port: number
  host: string
  /** Whether others than this machine may reach it. */
  exposed: boolean
  apps: WechatApp[]
}

const DEFAULT_PORT = '8090'

/** @throws UsageError */
export function parseServe(args: readonly string[]): ServeOptions {
  const { port, host, exposed, app } = parse(args)
  const number = Number(port)
  if (!(Number.isInteger(number) && number >= 0 && number <= 65535)) {
    throw new UsageError(`--port must be a number from 0 to 65535, not "${port}"`)
  }
  if (!exposed && !isLoopbackHost(host.includes(':') ? `[${host}]` : host)) {
    throw new UsageError(`--host ${host} lets other machines sign in as anybody: add --exposed if they may`)
  }
  const apps = app.length === 0 ? [DEMO_APP] : app.map(parseApp)
  const twice = apps.find(({ appid }, index) => apps.findIndex((other) => other.appid === appid) !== index)
  if (twice) throw new UsageError(`--app ${twice.appid} is there twice`)
  return { port: number, host, exposed, apps }
}

function parse(args: readonly string[]) {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        port: { type: 'string', default: DEFAULT_PORT },
        host: { type: 'string', default: '127.0.0.1' },
        exposed: { type: 'boolean', default: false },
        app: { type: 'string', multiple: true, default: [] },
      },
    })
    return values
  } catch (error) {
    throw new UsageError(messageOf(error))
  }
}

/** `appid:secret` or `appid:secret:platform`. */
function parseApp(text: string): WechatApp {
  const [appid, secret, platform, ...rest] = text.split(':')
  if (!appid || !secret || rest.length > 0) {
    throw new UsageError('--app must be <appid>:<secret> or <appid>:<secret>:<open platform account>')
  }
  return { appid, secret, ...(platform && { platform }) }
}

/** Serves WeChat's HTTP side, with its switches under `/emulator`, until `signal` is aborted. */
export async function serve(
  options: ServeOptions,
  output: { stdout(text: string): void },
  signal: AbortSignal,
): Promise<void> {
  const { port, host, exposed, apps } = options
  const world = createWorld({ apps })
  const server = await startWechat(world, { port, host, control: exposed ? 'exposed' : true })
  output.stdout(`WeChat is played at ${server.baseUrl}: call it instead of https://api.weixin.qq.com
Its switches are at ${server.baseUrl}/emulator
${apps.map(({ appid, secret }) => `appid ${appid}  secret ${secret}`).join('\n')}
`)
  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
  await server.close()
}
