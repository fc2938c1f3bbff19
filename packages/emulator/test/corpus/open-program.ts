// Opens one mini-program in this process and prints how that went as JSON. `run.ts` starts it with Node's permission model.
import { launchApp } from '../../src/host/launch-app.ts'
import { createWorld } from '../../src/world.ts'
import { createDevice } from '../../src/wx/device.ts'
import { localLink } from '../../src/wx/link.ts'

const [folder = '', page] = process.argv.slice(2)
const world = createWorld()
const offline = () => Promise.reject(Object.assign(new Error('no network'), { code: 'ENETUNREACH' }))
const device = createDevice({ link: localLink(world), appid: world.apps[0]?.appid ?? '', send: offline })
const silent = { log() {}, info() {}, warn() {}, error() {}, debug() {} }
const startedMs = performance.now()
try {
  const app = await launchApp({ folder, device, console: silent, ...(page && { path: page }) })
  const openedMs = Math.round(performance.now() - startedMs)
  await Promise.race([app.settled(), new Promise((resolve) => setTimeout(resolve, 5_000))])
  print({
    page: app.hasPage() ? app.page().route : null,
    openedMs,
    shown: app.hasPage() ? app.html().length : 0,
    errors: app.errors.map(({ name, message, stack }) => `${name}: ${message} ${placeOf(stack)}`.trim()),
  })
} catch (error) {
  print({ page: null, errors: [`launch: ${error instanceof Error ? error.message : String(error)}`] })
}

/** The first file of the program in a stack. */
function placeOf(stack = ''): string {
  const line = stack
    .split('\n')
    .find((frame) => /^\s+at /.test(frame) && !/node:|node_modules|\/src\/|file:/.test(frame))
  return line ? line.trim().replace(/^at /, '@ ') : ''
}

function print(result: object): void {
  process.stdout.write(JSON.stringify(result), () => process.exit(0))
}
