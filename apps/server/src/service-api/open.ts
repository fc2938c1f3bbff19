import type { KeyMark } from '@weapp-auth/fastify'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import type { Config } from '../config.ts'
import type { Metrics } from '../seeing/metrics.ts'
import type { Upkeep } from '../upkeep/upkeep.ts'
import type { ServiceApiDeps } from './app.ts'
import type { Identify } from './callers.ts'

/** The service API of a running service. */
export interface OpenServiceApi {
  /** Where it listens for holders of tokens; null: it does not. */
  address: string | null
  /** Prepares to replace the tokens that the listener lets in: see `TakeSecrets` in `reload.ts`. */
  takeTokens(config: Pick<Config, 'service'>): Promise<() => void>
  close(): Promise<void>
}

/** Parts of the API that only some callers may use. */
export interface ServiceApiParts {
  /** What `/metrics` of the listener answers. */
  metrics?: Metrics | undefined
  /** Work on all users for the command line, on its socket alone. */
  openUpkeep?: () => Promise<Upkeep>
  /** The keys of the ring in use, the sealing one first. */
  ring?: () => readonly KeyMark[]
}

/**
 * Opens what the configuration asks for: the listener for holders of tokens and, with embedded stores, the socket of the command
 * line. Without both, the API is not even loaded.
 *
 * @param app the application that signs in phones, already started
 * @param parts what only some callers may use; default: nothing of it is there
 */
export async function openServiceApi(
  { service, redisUrl, databaseUrl, dataDir }: Pick<Config, 'service' | 'redisUrl' | 'databaseUrl' | 'dataDir'>,
  app: FastifyInstance,
  log: FastifyBaseLogger,
  { metrics, openUpkeep, ring }: ServiceApiParts = {},
): Promise<OpenServiceApi> {
  const build = async (identify: Identify, forOperator: Pick<ServiceApiDeps, 'openUpkeep'> = {}) => {
    const { buildServiceApi } = await import('./app.ts')
    return buildServiceApi({ weappAuth: app.weappAuth, identify, ...forOperator, ...(ring && { ring }), log })
  }
  const closers: (() => Promise<void>)[] = []
  // With both stores elsewhere several processes may share the folder, and the command line opens the stores itself.
  if ((!redisUrl || !databaseUrl) && process.platform !== 'win32') {
    const { openOperatorSocket, operatorSocketOf } = await import('./operator-socket.ts')
    const { identifyOperator } = await import('./callers.ts')
    try {
      const socket = await openOperatorSocket(operatorSocketOf(dataDir), () =>
        build(identifyOperator, openUpkeep && { openUpkeep }),
      )
      closers.push(socket.close)
    } catch (error) {
      // The path has more than about 100 characters, or the file system has no sockets. Phones must still be able to sign in.
      log.warn(
        { reason: (error as Error).message },
        'the command line will not reach this service: no socket in DATA_DIR',
      )
    }
  }
  let address: string | null = null
  let tokens = service?.tokens ?? []
  if (service) {
    const { identifyByToken } = await import('./callers.ts')
    const { documentRoutes } = await import('../openapi/routes.ts')
    const api = await build(identifyByToken(() => tokens))
    closers.push(() => api.close())
    documentRoutes(api)
    await api.register((await import('../console.ts')).consolePage)
    if (metrics) (await import('../seeing/metrics-route.ts')).metricsRoute(api, metrics)
    address = await api.listen({ host: service.host, port: service.port })
  }
  return {
    address,
    takeTokens: async (config) => () => {
      tokens = config.service?.tokens ?? []
    },
    close: async () => {
      await Promise.all(closers.map((close) => close()))
    },
  }
}
