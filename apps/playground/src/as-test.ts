import type { Check, Scenario } from './scenario.ts'
import { type Action, LONGEST_WAIT_FOR_TARGET_MS } from './stage/actions.ts'

/**
 * A scenario as a test that anybody can run: with Vitest, against a service whose emulator is on (`npm start`), with any
 * mini-program whose `auth.js` exports `auth`.
 */
export function toTest({ title, steps, checks }: Scenario): string {
  const hasB = steps.some(({ actions }) => actions.some((action) => 'phone' in action && action.phone === 'B'))
  const body = steps.flatMap(({ say, actions }) => [
    `  // ${say.en}`,
    ...actions.flatMap(toCode),
    '  await settled()',
    '',
  ])
  return `import { createDevice, launchApp, remoteLink } from '@weapp-auth/emulator'
import { expect, test } from 'vitest'

const SERVICE = process.env.SERVICE_URL ?? 'http://127.0.0.1:3000'
const FOLDER = process.env.MINIPROGRAM ?? 'apps/miniprogram'

test(${JSON.stringify(title.en)}, async () => {
  const user = \`user-\${Math.random()}\`
  const { apps: [appid], nowMs } = await backstage('world')
  const phones = { A: createDeviceOfUser()${hasB ? ', B: createDeviceOfUser()' : ''} }
  const running = {}

${body.join('\n')}
${checks.map(toExpectation).join('\n')}
  for (const app of Object.values(running)) await app.close()

  function createDeviceOfUser() {
    const resolve = (url) => new URL(url.pathname + url.search, SERVICE)
    return createDevice({ link: remoteLink(\`\${SERVICE}/emulator\`), appid, user, clock: createClock({ startMs: nowMs }), resolve })
  }

  async function open(name) {
    await running[name]?.close()
    running[name] = await launchApp({ folder: FOLDER, device: phones[name], console: { log() {}, info() {}, warn() {}, error() {}, debug() {} } })
  }

  async function settled() {
    for (const app of Object.values(running)) await Promise.race([app.settled(), wait(1_000)])
  }

  /** Short spans pass in steps: to an app, a jump of the clock is time in the background. */
  async function passOnPhones(ms) {
    for (let leftMs = ms; leftMs > 0; ) {
      const stepMs = ms > 60_000 ? ms : Math.min(leftMs, 1_000)
      for (const phone of Object.values(phones)) phone.advance(stepMs)
      leftMs -= stepMs
      await wait(0)
    }
  }

  /** Calls the app's own \`auth\`, as its pages do; the ledger has how each call ended. */
  async function request(name, count, url) {
    const { auth } = running[name].module('auth')
    await Promise.all(
      Array.from({ length: count }, async () => {
        const ok = await auth.request({ url }).then(({ statusCode }) => statusCode < 400, () => false)
        phones[name].record('app.request', { ok })
      }),
    )
  }

  function count(event, where) {
    return Object.values(phones).reduce((sum, { ledger }) => sum + ledger.count(event, where), 0)
  }

  function countSignIns() {
    const entries = Object.values(phones).flatMap(({ ledger }) => ledger.entries())
    return entries.filter(({ method, url, statusCode }) => method === 'POST' && /\\/sessions$/.test(url) && statusCode === 201).length
  }
})

async function backstage(path, body, method = body ? 'POST' : 'GET') {
  const response = await fetch(\`\${SERVICE}/emulator/\${path}\`, {
    method,
    ...(body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  })
  return response.json()
}

function wait(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
`.replace('createDevice, launchApp', 'createClock, createDevice, launchApp')
}

function toCode(action: Action): string[] {
  const indent = (line: string) => `  ${line}`
  return codeOf(action).map(indent)
}

function codeOf(action: Action): string[] {
  const text = JSON.stringify
  switch (action.do) {
    case 'open':
      return [`await open('${action.phone}')`]
    case 'tap':
      return [
        `await running.${action.phone}.waitFor(${text(action.target)}, { timeoutMs: ${LONGEST_WAIT_FOR_TARGET_MS} })`,
        `await running.${action.phone}.tap(${text(action.target)})`,
      ]
    case 'input':
      return [`await running.${action.phone}.input(${text(action.target)}, ${text(action.value)})`]
    case 'refresh':
      return [`await running.${action.phone}.pullDownRefresh()`]
    case 'tab':
      return [`await running.${action.phone}.switchTab(${text(action.page)})`]
    case 'requests': {
      const call = `request('${action.phone}', ${action.count}, ${text(action.url ?? '/products')})`
      return [action.waits === false ? `void ${call}` : `await ${call}`]
    }
    case 'sign-out-others':
      return [
        `await running.${action.phone}.module('auth').auth.request({ url: '/v1/sessions?scope=others', method: 'DELETE' })`,
      ]
    case 'ensure-session-key':
      return [`await running.${action.phone}.module('auth').auth.ensureSessionKey()`]
    case 'hide':
    case 'show':
      return [`await running.${action.phone}.${action.do}()`]
    case 'network':
      return [`phones.${action.phone}.network.setOnline(${action.online})`]
    case 'clear-storage':
      return [`phones.${action.phone}.storage.clear()`]
    case 'phone-fault':
      return [`phones.${action.phone}.faults.set('${action.point}', ${text(action.fault)})`]
    case 'phone-fault-off':
      return [`phones.${action.phone}.faults.clear('${action.point}')`]
    case 'wechat-fault':
      return [`await backstage('faults', ${text({ point: action.point, ...action.fault })})`]
    case 'wechat-fault-off':
      return [`await backstage('faults?point=${action.point}', undefined, 'DELETE')`]
    case 'expire-session-key':
      return [`await backstage('session-key/expire', { user })`]
    case 'store':
      return [`await backstage('stores', ${text({ store: action.store, mode: action.mode })})`]
    case 'time': {
      const server = `await backstage('clock', { advanceMs: ${action.ms} })`
      const phone = `await passOnPhones(${action.ms})`
      return [...(action.where !== 'phone' ? [server] : []), ...(action.where !== 'server' ? [phone] : [])]
    }
    case 'wait':
      return [`await wait(${action.ms})`]
  }
}

function toExpectation(check: Check): string {
  if ('shows' in check) return `  expect(running.${check.phone}.exists(${JSON.stringify(check.shows)})).toBe(true)`
  if ('isNewUser' in check) {
    return `  expect(running.${check.phone}.module('auth').auth.getSession()).toMatchObject({ user: { isNew: true } })`
  }
  if (check.count === 'sign-in') return `  expect(countSignIns()).toBe(${check.is})`
  const where = check.where ? `, ${JSON.stringify(check.where)}` : ''
  return `  expect(count('${check.count}'${where})).toBe(${check.is})`
}
