import { pino } from 'pino'
import type { Config } from '../config.ts'
import { identifyOperator, OPERATOR_HEADER } from '../service-api/callers.ts'
import { operatorName } from './operator.ts'
import { findRunningService, type Send } from './running-service.ts'
import { type Command, WrongUseError } from './terminal.ts'

/** The service API, in the running service or in this process. */
export interface OpenedService {
  send: Send
  close(): Promise<void>
}

/**
 * Opens the service API of a configuration. A running service with embedded stores is asked through its socket. Otherwise this process
 * opens the stores itself, and no service has to run.
 */
export async function openService(config: Config, command: Command): Promise<OpenedService> {
  const send = await findRunningService(config)
  if (send) return { send, close: async () => {} }
  if (config.emulator) {
    const { say } = command
    throw new WrongUseError(say('start the demonstration first: npm start', '请先启动演示：npm start'))
  }
  // Loaded on demand: half of the time of a command that asks a running service would go into it.
  const { buildApp } = await import('../app.ts')
  const { buildServiceApi } = await import('../service-api/app.ts')
  const { openStores } = await import('../stores.ts')
  const log = logInWords(command)
  const stores = await openStores(config, log)
  try {
    const app = await buildApp({ ...config, ...stores, log })
    const api = await buildServiceApi({ weappAuth: app.weappAuth, identify: identifyOperator, ring: stores.ring, log })
    return {
      async send(method, path, body) {
        const headers = { [OPERATOR_HEADER]: operatorName() }
        const url = `/service/v1${path}`
        const { statusCode, payload } = await api.inject({ method, url, headers, ...(body && { payload: body }) })
        return { status: statusCode, body: payload === '' ? null : JSON.parse(payload) }
      },
      async close() {
        await api.close()
        await app.close()
        await stores.close()
      },
    }
  } catch (error) {
    await stores.close()
    throw error
  }
}

/** A log that prints why a store cannot be used, and leaves out advice that is meant for a running service. */
function logInWords({ stderr }: Command) {
  const write = (line: string) => {
    const { msg, reason } = JSON.parse(line) as { msg?: string; reason?: string }
    stderr.write(`weapp-auth: ${msg}${reason ? ` (${reason})` : ''}\n`)
  }
  return pino({ level: 'error' }, { write })
}
