import { randomUUID } from 'node:crypto'

/** RFC 9562 leaves 12 bits beside the milliseconds. Here they count the ids of one millisecond. */
const MAX_COUNT = 0xfff

let lastMs = 0
let count = 0

/** A UUIDv7 (RFC 9562 section 5.7), greater than every one that this process has made before, whatever the clock does. */
export function createEventId(nowMs: number): string {
  if (nowMs > lastMs) {
    lastMs = nowMs
    count = 0
  } else if (count === MAX_COUNT) {
    lastMs++
    count = 0
  } else count++
  return format(lastMs, count)
}

/** A new id as of {@link createEventId} that is also greater than `after`, which a process with another clock may have made. */
export function createEventIdAfter(after: string, nowMs: number): string {
  const id = createEventId(nowMs)
  return id > after ? id : format(timeOfEventId(after) + 1, 0)
}

/** The time in an id, in milliseconds since 1970. It may be a little later than the event's own `atMs`, never earlier. */
export function timeOfEventId(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16)
}

/** Not greater than any id of this time. */
export function firstEventId(atMs: number): string {
  const time = Math.max(0, Math.floor(atMs)).toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-000000000000`
}

function format(timeMs: number, counted: number): string {
  const time = timeMs.toString(16).padStart(12, '0')
  // A UUIDv4 ends in the variant and 62 random bits, as a UUIDv7 does. Node draws those of many at once.
  const variantAndRandom = randomUUID().slice(19)
  return `${time.slice(0, 8)}-${time.slice(8)}-7${counted.toString(16).padStart(3, '0')}-${variantAndRandom}`
}
