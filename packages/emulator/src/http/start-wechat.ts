import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import type { World } from '../world.ts'
import { refuseUnknown, wechatApi } from './wechat-api.ts'

/** WeChat's HTTP side as a server of its own. */
export interface WechatServer {
  /** What the service takes for `https://api.weixin.qq.com`. */
  baseUrl: string
  close(): Promise<void>
}

/** Listens on 127.0.0.1. @param options.port default 0: a free one */
export async function startWechat(world: World, { port = 0 }: { port?: number } = {}): Promise<WechatServer> {
  // Hanging answers hold their connections open for ever: closing must not wait for them.
  const app = Fastify({ forceCloseConnections: true })
  await app.register(wechatApi, { world })
  app.setNotFoundHandler((request, reply) => refuseUnknown(world, request, reply))
  await app.listen({ host: '127.0.0.1', port })
  const address = app.server.address() as AddressInfo
  return { baseUrl: `http://127.0.0.1:${address.port}`, close: () => app.close() }
}
