// Redis, PostgreSQL, MariaDB and nginx for tests and benchmarks. `global-setup.ts` starts the first three for a whole test run.
export type { MariaDbOptions } from './mariadb.ts'
export { startMariaDb } from './mariadb.ts'
export { type NginxPlace, startNginx } from './nginx.ts'
export { startPostgres } from './postgres.ts'
export type { Program } from './program.ts'
export { findProgram, unpackProgram } from './program.ts'
export type {} from './provided.ts'
export { startRedis } from './redis.ts'
export type {
  MovingSlot,
  RedisClusterGroup,
  RedisClusterOptions,
  RedisGroup,
  RedisSentinelGroup,
} from './redis-groups.ts'
export { startOneNodeCluster, startRedisCluster, startSentinelGroup } from './redis-groups.ts'
export type { OwnServer, Server } from './server.ts'
export { findFreePort, makeTempFolder } from './server.ts'
