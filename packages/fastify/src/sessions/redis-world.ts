import { ApiError } from '../api-error.ts'
import type { RedisClient } from '../redis.ts'
import { explainOtherWorld, type World } from '../world.ts'

/** Resolves when the keys of this prefix belong to `world`, which the first store to use them has marked. */
export function createWorldCheck(redis: RedisClient, keyPrefix: string, world: World) {
  const key = `${keyPrefix}world`
  let isDone = false
  const check = async () => {
    // Written only where nothing is yet: a server that takes no writes lets those who are signed in through.
    let found = await redis.get(key)
    if (found === null) {
      await redis.set(key, world, 'NX')
      found = await redis.get(key)
    }
    isDone = found === world
    if (isDone || found === null) return
    throw new ApiError('store_unavailable', explainOtherWorld(`Redis (${keyPrefix}*)`, found, world))
  }
  return Object.assign(check, { isDone: () => isDone })
}
