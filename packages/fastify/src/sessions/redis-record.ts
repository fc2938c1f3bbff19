import type { Device, RevocationReason } from '@weapp-auth/shared'
import type { SessionRecord, Tombstone } from './session-store.ts'

/** Stored by position to save memory. Only append. */
const DEVICE_FIELDS = ['platform', 'model', 'system', 'wechatVersion', 'sdkVersion'] as const

/**
 * Short names, because a million sessions hold them a million times. A session not used yet needs no second time. The user is
 * first, and the externalId second: see {@link ownerOf} and {@link headOf}.
 */
export function formatRecord({ userId, externalId, appid, createdAtMs, lastSeenMs, device }: SessionRecord): string {
  const l = lastSeenMs === createdAtMs ? undefined : lastSeenMs
  const d = device && DEVICE_FIELDS.map((field) => device[field] ?? 0)
  return JSON.stringify({ u: userId, x: externalId, a: appid, c: createdAtMs, l, d })
}

/** How the value of every live session of a user begins, as {@link formatRecord} writes it. */
export function ownerOf(userId: string): string {
  return `{"u":${JSON.stringify(userId)},`
}

/** How the value of a live session begins that has this user and this externalId, or none. */
export function headOf({ userId, externalId }: SessionRecord): string {
  return `${JSON.stringify({ u: userId, x: externalId }).slice(0, -1)},"a":`
}

/** Reads what is stored of the session `id`. */
export function parseRecord(id: string, value: string): SessionRecord | Tombstone {
  const { r, e, u, x, a, c, l = c, d } = JSON.parse(value)
  if (r !== undefined) return { userId: u, revoked: r as RevocationReason, expiresAtMs: e }
  return {
    id,
    userId: u,
    appid: a,
    createdAtMs: c,
    lastSeenMs: l,
    ...(x !== undefined && { externalId: x }),
    ...(d && { device: parseDevice(d) }),
  }
}

function parseDevice(texts: unknown[]): Device {
  return Object.fromEntries(DEVICE_FIELDS.map((field, i) => [field, texts[i]]).filter(([, text]) => text !== 0))
}
