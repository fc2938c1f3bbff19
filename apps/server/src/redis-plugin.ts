import { fastifyRedis } from '@fastify/redis'
import fp from 'fastify-plugin'
import type { Cluster, Redis } from 'ioredis'

/**
 * `@fastify/redis` with a client that may not be connected yet: it decorates `app.redis` at once.
 *
 * Version 9 waits for the client's event `ready` unless its status says so already, and nothing would listen while Redis is
 * away. So the status says `ready` while the plugin looks at it, which it does once, before it returns. Our client needs
 * no such wait: a command fails at once while there is no connection. Closing it is up to whoever made it, because the plugin
 * would wait for the answer of a Redis that is frozen.
 */
export const redisPlugin = fp<{ client: Redis | Cluster }>(
  (app, { client }, done) => {
    const { status } = client
    client.status = 'ready'
    try {
      fastifyRedis(app, { client }, done)
    } finally {
      client.status = status
    }
  },
  { name: '@fastify/redis', fastify: '5.x' },
)
