// Opens a mini-program in this process and prints how that went as JSON: one line for each page named, or for the first.
// `run.ts` starts it with Node's permission model. There is no network: every request fails as on a phone out of reach.
import { launchApp } from '../../src/host/launch-app.ts'
import { createWorld } from '../../src/world.ts'
import { createDevice } from '../../src/wx/device.ts'
import { localLink } from '../../src/wx/link.ts'

/** How one page of a program opened. */
export interface Opened {
  page: string | null
  /** Milliseconds until the first page was there. */
  openedMs: number
  /** Characters of what it shows. */
  shown: number
  errors: string[]
  warnings: string[]
  notPlayed: string[]
}

/** Polls and long timers do not end: what an app does in its first seconds counts. */
const LONGEST_SETTLE_MS = 5_000

const [folder = '', ...paths] = process.argv.slice(2)
for (const path of paths.length > 0 ? paths : [undefined]) {
  process.stdout.write(`${JSON.stringify(await open(path))}\n`)
}
process.stdout.write('', () => process.exit(0))

async function open(path: string | undefined): Promise<Opened> {
  const world = createWorld()
  const unreachable = () => Promise.reject(Object.assign(new Error('no network'), { code: 'ENETUNREACH' }))
  const device = createDevice({ link: localLink(world), appid: world.apps[0]?.appid ?? '', send: unreachable })
  const silent = { log() {}, info() {}, warn() {}, error() {}, debug() {} }
  const startedMs = performance.now()
  try {
    const app = await launchApp({ folder, device, console: silent, ...(path !== undefined && { path }) })
    const openedMs = Math.round(performance.now() - startedMs)
    await Promise.race([app.settled(), new Promise((resolve) => setTimeout(resolve, LONGEST_SETTLE_MS))])
    const opened = {
      page: app.hasPage() ? app.page().route : null,
      openedMs,
      shown: app.hasPage() ? app.html().length : 0,
      errors: [...new Set(app.errors.map(({ name, message, stack }) => `${name}: ${message}${placeOf(stack)}`))],
      warnings: [...app.warnings],
      notPlayed: [
        ...new Set(device.ledger.entries().flatMap(({ event, api }) => (event === 'wx.notPlayed' ? String(api) : []))),
      ],
    }
    await app.close()
    return opened
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    return { page: null, openedMs: 0, shown: 0, errors: [`launch: ${message}`], warnings: [], notPlayed: [] }
  }
}

/** The first file of the program in a stack. */
function placeOf(stack = ''): string {
  const frames = stack.split('\n').filter((line) => /^\s+at /.test(line))
  const own = frames.find((line) => !/node:|node_modules|\/src\/|file:|<anonymous>/.test(line))
  return own ? ` (${own.trim().replace(/^at (?:.* \()?([^()]*)\)?$/, '$1')})` : ''
}
