import { hash } from 'node:crypto'

/** Derived, not random: a service that kept its users meets the same people after the emulator's restart. */
export function openidOf(user: string, appid: string): string {
  return identity(`openid ${appid} ${user}`)
}

export function unionidOf(user: string, platform: string): string {
  return identity(`unionid ${platform} ${user}`)
}

/** 28 characters beginning with `o`, the look of a real openid. */
function identity(seed: string): string {
  return `o${hash('sha256', seed, 'base64url').slice(0, 27)}`
}
