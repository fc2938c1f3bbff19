import { parseArgs } from 'node:util'
import { openAppFolder } from './host/app-folder.ts'
import { LaunchError } from './host/app-package.ts'
import { launchApp } from './host/launch-app.ts'
import type { RunningApp } from './host/running-app.ts'
import type { LedgerEntry } from './ledger.ts'
import { createDevice, type Device } from './wx/device.ts'
import { remoteLink, type WechatLink } from './wx/link.ts'

export const USAGE = `usage: weapp-emulator run <folder> --service <url> [options]

Runs a mini-program against a running service and prints what happened as JSON.

  <folder>             a WeChat DevTools project, or the folder it was built into
  --service <url>      the service with its emulator on, such as http://127.0.0.1:3000
  --user <name>        who is signed in to WeChat on the phone (default alice)
  --path <page>        the page to open (default: the app's first)
  --timeout <seconds>  how long the app may take to settle (default 30)

Exit code: 0 signed in without an error, 1 not, 2 wrong arguments.`

/** What the command prints on stdout. */
export interface RunReport {
  ok: boolean
  app: { folder: string; appid: string; user: string; page: string | null }
  /** Why it is not ok, one sentence each. */
  errors: string[]
  /** Both sides, by time. */
  ledger: LedgerEntry[]
}

export interface CommandOutput {
  stdout(text: string): void
  stderr(text: string): void
}

/** Runs one command line and answers its exit code. */
export async function runCommand(args: readonly string[], output: CommandOutput): Promise<number> {
  if (args.includes('--help')) {
    output.stdout(`${USAGE}\n`)
    return 0
  }
  try {
    const report = await runMiniProgram(parseRun(args))
    output.stdout(`${JSON.stringify(report, null, 2)}\n`)
    return report.ok ? 0 : 1
  } catch (error) {
    if (error instanceof UsageError) {
      output.stderr(`weapp-emulator: ${error.message}\n\n${USAGE}\n`)
      return 2
    }
    if (!(error instanceof LaunchError || error instanceof ServiceError)) throw error
    output.stderr(`weapp-emulator: ${error.message}\n`)
    return 1
  }
}

class UsageError extends Error {}
class ServiceError extends Error {}

interface RunOptions {
  folder: string
  service: URL
  user: string
  path?: string
  timeoutMs: number
}

function parseRun(args: readonly string[]): RunOptions {
  const { values, positionals } = parse(args)
  const [command, folder, ...rest] = positionals
  if (command !== 'run') throw new UsageError(command ? `unknown command "${command}"` : 'which command?')
  if (folder === undefined) throw new UsageError('run needs the folder of a mini-program')
  if (rest.length > 0) throw new UsageError(`unexpected argument "${rest[0]}"`)
  if (values.service === undefined) throw new UsageError('--service is missing')
  if (!URL.canParse(values.service) || !/^https?:$/.test(new URL(values.service).protocol)) {
    throw new UsageError(`--service must be an http address, not "${values.service}"`)
  }
  const service = new URL(values.service)
  if (service.pathname !== '/') throw new UsageError(`--service is an address without a path: ${service.origin}`)
  const timeoutMs = Number(values.timeout) * 1000
  if (!(timeoutMs > 0)) throw new UsageError(`--timeout must be a number of seconds, not "${values.timeout}"`)
  return {
    folder,
    service,
    user: values.user,
    timeoutMs,
    ...(values.path !== undefined && { path: values.path }),
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        service: { type: 'string' },
        user: { type: 'string', default: 'alice' },
        path: { type: 'string' },
        timeout: { type: 'string', default: '30' },
      },
    })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

async function runMiniProgram({ folder, service, user, path, timeoutMs }: RunOptions): Promise<RunReport> {
  const project = openAppFolder(folder)
  const link = remoteLink(`${service.origin}/emulator`)
  const appids = await appidsOf(service)
  const appid = appids.find((known) => known === project.appid) ?? appids[0]
  if (appid === undefined) throw new ServiceError(`the emulator at ${service.origin} knows no mini-program`)

  const before = (await entriesOf(link)).at(-1)?.seq ?? 0
  const device = createDevice({ link, appid, user, resolve: phoneDns(service) })
  const outcome = await runToRest(folder, device, path, timeoutMs)
  const wechat = (await entriesOf(link)).filter(({ seq }) => seq > before)
  const ledger = [...device.ledger.entries(), ...wechat].sort((one, other) => one.atMs - other.atMs)
  const errors = [...outcome.errors, ...refusals(ledger)]
  return { ok: errors.length === 0, app: { folder, appid, user, page: outcome.page }, errors, ledger }
}

async function runToRest(folder: string, device: Device, path: string | undefined, timeoutMs: number) {
  let app: RunningApp | null = null
  let timer: NodeJS.Timeout | undefined
  const run = async () => {
    app = await launchApp({ folder, device, ...(path !== undefined && { path }) })
    await app.settled()
    return true
  }
  const timeout = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), timeoutMs)
  })
  const settled = await Promise.race([run(), timeout]).finally(() => clearTimeout(timer))
  const running = app as RunningApp | null
  const errors = (running?.errors ?? []).map(({ name, message }) => device.ledger.redact(`${name}: ${message}`))
  if (!settled) errors.push(`the app has not settled within ${timeoutMs / 1000} s`)
  const page = running?.hasPage() ? running.page().route : null
  await running?.close()
  return { errors, page }
}

/** What WeChat refused, and a sign-in that did not end well. */
function refusals(ledger: readonly LedgerEntry[]): string[] {
  const refused = ledger
    .filter(({ side, errcode }) => side === 'wechat' && typeof errcode === 'number' && errcode !== 0)
    .map(({ event, errcode }) => `WeChat answered ${event} with errcode ${errcode}`)
  const failedLogin = lastOf(ledger, ({ event }) => event === 'wx.login')
  if (failedLogin?.errMsg !== undefined) refused.push(`wx.login failed: ${failedLogin.errMsg}`)
  const exchange = lastOf(
    ledger,
    ({ event, method, url }) => event === 'wx.request' && method === 'POST' && /\/sessions$/.test(String(url)),
  )
  if (exchange && (typeof exchange.statusCode !== 'number' || exchange.statusCode >= 400)) {
    refused.push(`the sign-in was refused: ${exchange.statusCode ?? exchange.errMsg} ${exchange.code ?? ''}`.trim())
  }
  return refused
}

function lastOf(ledger: readonly LedgerEntry[], matches: (entry: LedgerEntry) => boolean): LedgerEntry | undefined {
  return ledger.findLast((entry) => entry.side === 'device' && matches(entry))
}

async function appidsOf(service: URL): Promise<string[]> {
  const response = await fetch(`${service.origin}/emulator/world`, { signal: AbortSignal.timeout(10_000) }).catch(
    (error: Error & { cause?: { code?: string } }) => {
      throw new ServiceError(`cannot reach the service at ${service.origin}: ${error.cause?.code ?? error.message}`)
    },
  )
  if (response.status === 404) {
    throw new ServiceError(
      `the service at ${service.origin} runs without the emulator: start it with WECHAT_EMULATOR=on`,
    )
  }
  const answer: unknown = await response.json().catch(() => null)
  const apps = typeof answer === 'object' && answer !== null && 'apps' in answer ? answer.apps : null
  if (!response.ok || !Array.isArray(apps)) {
    throw new ServiceError(`${service.origin}/emulator/world is not an emulator's: it answered ${response.status}`)
  }
  return apps.map(String)
}

async function entriesOf(link: WechatLink): Promise<readonly LedgerEntry[]> {
  return (await link.entries?.()) ?? []
}

/** Where the service listens unless it is told otherwise, so what an example is built to call. */
const DEFAULT_SERVICE = new URL('http://127.0.0.1:3000')

/**
 * Lets the app's requests reach the service whatever address it was built for: the default one and every public
 * host lead to `service`; other loopback addresses go as written.
 */
export function phoneDns(service: URL): (url: URL) => URL {
  return (url) => {
    const loopback = /^(localhost|127(\.\d+){3}|\[::1\])$/.test(url.hostname)
    if (loopback && url.port !== DEFAULT_SERVICE.port) return url
    return new URL(`${url.pathname}${url.search}`, service.origin)
  }
}
