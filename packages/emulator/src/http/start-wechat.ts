import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import type { World } from '../world.ts'
import { controlApi } from './control-api.ts'
import { refuseUnknown, wechatApi } from './wechat-api.ts'

/** WeChat's HTTP side as a server of its own. */
export interface WechatServer {
  /** What the service takes for `https://api.weixin.qq.com`. */
  baseUrl: string
  close(): Promise<void>
}

/** Options of `startWechat`. */
export interface StartWechatOptions {
  /** Default 0: a free one. */
  port?: number
  /** Default 127.0.0.1. */
  host?: string
  /**
   * Puts `controlApi` under `/emulator` of the same address. Default false. `exposed` answers under every name, not only
   * under loopback ones: whoever reaches it signs in as anybody.
   */
  control?: boolean | 'exposed'
}

/** Starts WeChat's HTTP side. */
export async function startWechat(world: World, options: StartWechatOptions = {}): Promise<WechatServer> {
  const { port = 0, host = '127.0.0.1', control = false } = options
  // Hanging answers hold their connections open for ever: closing must not wait for them.
  const app = Fastify({ forceCloseConnections: true })
  await app.register(wechatApi, { world })
  if (control) await app.register(controlApi, { prefix: '/emulator', world, exposed: control === 'exposed' })
  app.setNotFoundHandler((request, reply) => refuseUnknown(world, request, reply))
  await app.listen({ host, port })
  const { address, family, port: chosen } = app.server.address() as AddressInfo
  const name = family === 'IPv6' ? `[${address}]` : address
  return { baseUrl: `http://${name}:${chosen}`, close: () => app.close() }
}
