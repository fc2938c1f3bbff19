import { LaunchError } from './host/app-files.ts'
import { openAppFolder } from './host/app-folder.ts'
import { launchApp } from './host/launch-app.ts'
import type { RunningApp } from './host/running-app.ts'
import type { LedgerEntry } from './ledger.ts'
import { originOf, parseRun, type RunOptions, USAGE, UsageError } from './run-arguments.ts'
import { parseServe, serve } from './serve-command.ts'
import { createDevice, type Device } from './wx/device.ts'
import { remoteLink, type WechatLink } from './wx/link.ts'
import { cronetFailure } from './wx/network.ts'

/** What the command prints on stdout. */
export interface RunReport {
  ok: boolean
  app: { folder: string; appid: string; user: string; page: string | null }
  /** Why it is not ok, one sentence each. */
  errors: string[]
  /** What WeChat would only remark, one sentence each, with the file. */
  warnings: string[]
  /** Both sides, by time. */
  ledger: LedgerEntry[]
}

export interface CommandOutput {
  stdout(text: string): void
  stderr(text: string): void
}

/** Runs one command line and answers its exit code. @param stop ends `serve` */
export async function runCommand(
  args: readonly string[],
  output: CommandOutput,
  stop: AbortSignal = new AbortController().signal,
): Promise<number> {
  if (args.includes('--help')) {
    output.stdout(`${USAGE}\n`)
    return 0
  }
  try {
    if (args[0] === 'serve') {
      await serve(parseServe(args.slice(1)), output, stop)
      return 0
    }
    const report = await runMiniProgram(parseRun(args))
    output.stdout(`${JSON.stringify(report, null, 2)}\n`)
    return report.ok ? 0 : 1
  } catch (error) {
    if (error instanceof UsageError) {
      output.stderr(`weapp-emulator: ${error.message}\n\n${USAGE}\n`)
      return 2
    }
    if (!(error instanceof LaunchError || error instanceof ServiceError || isAddressInUse(error))) throw error
    output.stderr(`weapp-emulator: ${error.message}\n`)
    return 1
  }
}

/** What listening answers when another process has the port. */
function isAddressInUse(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && error.code === 'EADDRINUSE'
}

class ServiceError extends Error {}

async function runMiniProgram(options: RunOptions): Promise<RunReport> {
  const { folder, controlUrl, user, path, timeoutMs } = options
  const project = openAppFolder(folder)
  const link = remoteLink(controlUrl)
  const appids = await appidsOf(controlUrl)
  const appid = appids.find((known) => known === project.appid) ?? appids[0]
  if (appid === undefined) throw new ServiceError(`the emulator at ${controlUrl} knows no mini-program`)

  const before = (await entriesOf(link)).at(-1)?.seq ?? 0
  const device = createDevice({ link, appid, user, resolve: phoneDns(options) })
  const outcome = await runToRest(folder, device, path, timeoutMs)
  const wechat = (await entriesOf(link)).filter(({ seq }) => seq > before)
  const ledger = [...device.ledger.entries(), ...wechat].sort((one, other) => one.atMs - other.atMs)
  const errors = [...outcome.errors, ...refusals(ledger)]
  const app = { folder, appid, user, page: outcome.page }
  return { ok: errors.length === 0, app, errors, warnings: outcome.warnings, ledger }
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
  const warnings = [...(running?.warnings ?? [])]
  await running?.close()
  return { errors, warnings, page }
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

async function appidsOf(controlUrl: string): Promise<string[]> {
  const { origin } = new URL(controlUrl)
  const response = await fetch(`${controlUrl}/world`, { signal: AbortSignal.timeout(10_000) }).catch(
    (error: Error & { cause?: { code?: string } }) => {
      throw new ServiceError(`cannot reach the service at ${origin}: ${error.cause?.code ?? error.message}`)
    },
  )
  if (response.status === 404) {
    throw new ServiceError(
      `the service at ${origin} runs without the emulator: start it with WECHAT_EMULATOR=on, or say with --emulator where weapp-emulator serve runs`,
    )
  }
  const answer: unknown = await response.json().catch(() => null)
  const apps = typeof answer === 'object' && answer !== null && 'apps' in answer ? answer.apps : null
  if (!response.ok || !Array.isArray(apps)) {
    throw new ServiceError(`${controlUrl}/world is not an emulator's: it answered ${response.status}`)
  }
  return apps.map(String)
}

async function entriesOf(link: WechatLink): Promise<readonly LedgerEntry[]> {
  return (await link.entries?.()) ?? []
}

/**
 * Lets the app's calls reach the service under the address it was built for, and what is allowed besides; everything else
 * is offline.
 */
export function phoneDns({
  service,
  builtFor,
  allowOrigins,
}: Pick<RunOptions, 'service' | 'builtFor' | 'allowOrigins'>): (url: URL) => URL {
  return (url) => {
    const origin = originOf(url)
    if (origin === service.origin || allowOrigins.includes(origin)) return url
    if (!builtFor.includes(origin)) throw cronetFailure(-106, 'ERR_INTERNET_DISCONNECTED')
    const scheme = /^wss?:$/.test(url.protocol) ? service.origin.replace(/^http/, 'ws') : service.origin
    return new URL(`${url.pathname}${url.search}`, scheme)
  }
}
