import { parseArgs } from 'node:util'

export const USAGE = `usage: weapp-emulator run <folder> --service <url> [options]
       weapp-emulator serve [options]

run: runs a mini-program against a running service and prints what happened as JSON.

  <folder>             a WeChat DevTools project, or the folder it was built into
  --service <url>      the service that the app signs in to, such as http://127.0.0.1:3000
  --emulator <url>     the WeChat that the service calls: the address that serve prints
                       (default: the service itself, with its emulator on)
  --user <name>        who is signed in to WeChat on the phone (default alice)
  --path <page>        the page to open (default: the app's first)
  --timeout <seconds>  how long the app may take to settle (default 30)
  --built-for <origin> the address that the app was built to call, which leads to
                       the service as well (default http://127.0.0.1:3000); may be repeated
  --allow-origin <origin>
                       another address that the app may call; may be repeated

All other calls of the app fail as on a phone that is offline, and are told in the ledger.
The app runs in a process of its own that may read its folder and nothing else. That is no
sandbox: do not run code that you believe to be malicious.

Exit code: 0 signed in without an error, 1 not, 2 wrong arguments.

serve: plays WeChat's HTTP side for a service in any language, with its switches under /emulator,
until it is told to stop.

  --port <number>      where to listen (default 8090; 0: a free port, which is printed)
  --app <appid>:<secret>[:<platform>]
                       a mini-program, and the Open Platform account it is bound to; may be repeated
                       (default: one with an appid of its own, which is printed)
  --host <address>     default 127.0.0.1; others need --exposed, because whoever reaches it signs in
                       as anybody`

/** The command line is not one that the command takes. */
export class UsageError extends Error {}

/** Where the service listens unless it is told otherwise, so what an example is built to call. */
const DEFAULT_SERVICE = 'http://127.0.0.1:3000'

/** What a command line asks for. */
export interface RunOptions {
  folder: string
  service: URL
  /** Where the switches of the WeChat are that the service calls. */
  controlUrl: string
  user: string
  path?: string
  timeoutMs: number
  builtFor: string[]
  allowOrigins: string[]
}

/** The folder a `run` is about, or null for any other command line. */
export function folderOf(args: readonly string[]): string | null {
  try {
    return args.includes('--help') ? null : parseRun(args).folder
  } catch {
    return null
  }
}

/** @throws UsageError */
export function parseRun(args: readonly string[]): RunOptions {
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
  const emulator = values.emulator ?? service.origin
  if (!URL.canParse(emulator) || !/^https?:$/.test(new URL(emulator).protocol)) {
    throw new UsageError(`--emulator must be an http address, not "${emulator}"`)
  }
  const timeoutMs = Number(values.timeout) * 1000
  if (!(timeoutMs > 0)) throw new UsageError(`--timeout must be a number of seconds, not "${values.timeout}"`)
  return {
    folder,
    service,
    controlUrl: `${new URL(emulator).origin}/emulator`,
    user: values.user,
    timeoutMs,
    builtFor: values['built-for'].map((text) => parseOrigin('--built-for', text)),
    allowOrigins: values['allow-origin'].map((text) => parseOrigin('--allow-origin', text)),
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
        emulator: { type: 'string' },
        user: { type: 'string', default: 'alice' },
        path: { type: 'string' },
        timeout: { type: 'string', default: '30' },
        'built-for': { type: 'string', multiple: true, default: [DEFAULT_SERVICE] },
        'allow-origin': { type: 'string', multiple: true, default: [] },
      },
    })
  } catch (error) {
    throw new UsageError((error as Error).message)
  }
}

function parseOrigin(option: string, text: string): string {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url && /^(https?|wss?):$/.test(url.protocol) && url.pathname === '/') return originOf(url)
  throw new UsageError(`${option} must be an origin such as https://api.example.com, not "${text}"`)
}

/** A socket's address is of the same origin as a request's. */
export function originOf(url: URL): string {
  return new URL(url.href.replace(/^ws/, 'http')).origin
}
