import type { FastifyPluginCallback } from 'fastify'
import type { World } from '../world.ts'
import { jscode2session } from './jscode2session.ts'

/** What answers at `api.weixin.qq.com`: one file per call. */
export const wechatApi: FastifyPluginCallback<{ world: World }> = (app, { world }, done) => {
  jscode2session(app, world)
  done()
}
