import type { World } from '../world.ts'

/** @param name what the value is called in the error */
export function parseObject(value: unknown, name = 'the body'): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(`${name} must be a JSON object`)
  }
  return value as Record<string, unknown>
}

/** Which app it is about, the world's first by default. What WeChat does not know, the world refuses. */
export function parseAppid({ appid }: Record<string, unknown>, world: World): string {
  const named = appid ?? world.apps[0]?.appid
  if (typeof named !== 'string') throw new TypeError('appid must be a string')
  return named
}

/** Who calls from which app: `{ user, appid? }`. */
export function parseCaller(body: unknown, world: World): { user: string; appid: string } {
  const fields = parseObject(body)
  const { user } = fields
  if (typeof user !== 'string' || user === '' || user.length > 64) {
    throw new TypeError('user must be a name of 1 to 64 characters, such as { "user": "alice" }')
  }
  return { user, appid: parseAppid(fields, world) }
}
