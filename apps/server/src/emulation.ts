import {
  controlApi,
  createWorld,
  DEMO_APP,
  type FaultPoint,
  isLoopbackHost,
  startWechat,
  unpackSocketHeaders,
  type World,
} from '@weapp-auth/emulator'
import type { SocketOptions } from '@weapp-auth/fastify'
import type { FastifyInstance } from 'fastify'
import type { Config } from './config.ts'
import { demo } from './demo.ts'
import { landing } from './landing.ts'
import { playground } from './playground.ts'
import type { Stores } from './stores.ts'
import { watchStores } from './watched-stores.ts'

/** WeChat played by this process. Loaded only when the configuration asks for it. */
export interface Emulation {
  world: World
  /** The mini-programs that the service is given in place of those of the configuration. */
  apps: { appid: string; secrets: string[] }[]
  wechatApiBaseUrl: string
  now: () => number
  /** No limit: the phones of the demonstration run in this process, and make it late on a slow machine. */
  maxEventLoopDelayMs: 0
  /** The demonstration's orders are told of over a WebSocket. */
  sockets: SocketOptions
  /** Which `Host` headers are answered: without `exposed` only this machine's own, against DNS rebinding. */
  allowHost: (host: string | undefined) => boolean
  /** The same stores; each call of the service is written to the ledger. */
  watch: (stores: Stores) => Stores
  /** Puts the emulator's switches under `/emulator`, and the demo's page and business route, into the service. */
  mount(app: FastifyInstance): Promise<void>
  /** Lets WeChat answer one API with an errcode: `jscode2session=40029`. */
  setFault(text: string): void
  close(): Promise<void>
}

/** Starts WeChat's HTTP side on a port of its own, which the service calls as it would call the real one. */
export async function startEmulation(config: Config): Promise<Emulation> {
  const appids = config.apps.length > 0 ? config.apps.map(({ appid }) => appid) : [DEMO_APP.appid]
  const world = createWorld({ apps: appids.map((appid) => ({ ...DEMO_APP, appid })) })
  const wechat = await startWechat(world)
  const stores = watchStores(world.ledger)
  return {
    world,
    apps: world.apps.map(({ appid, secret }) => ({ appid, secrets: [secret] })),
    wechatApiBaseUrl: wechat.baseUrl,
    // The emulator's clock is the service's too, so that a session's lifetime can be made to pass.
    now: () => world.clock.now(),
    maxEventLoopDelayMs: 0,
    sockets: {},
    allowHost: (host) => config.emulatorExposed || isLoopbackHost(host),
    watch: stores.watch,
    mount: async (app) => {
      stores.follow(app.server)
      app.addHook('onRequest', async ({ headers }) => unpackSocketHeaders(headers))
      await app.register(controlApi, { prefix: '/emulator', world, exposed: config.emulatorExposed })
      await app.register(stores.routes, { prefix: '/emulator' })
      await app.register(demo)
      await app.register(playground)
      await app.register(landing, { appid: world.apps[0]?.appid ?? '' })
    },
    setFault(text) {
      const [, point, errcode] = /^(\w+)=(-?\d+)$/.exec(text) ?? []
      if (!point) throw new TypeError(`a fault is written jscode2session=40029, not ${text}`)
      // set() refuses an unknown point and names the known ones.
      world.faults.set(point as FaultPoint, { errcode: Number(errcode) })
    },
    close: () => wechat.close(),
  }
}
