import { type Frame, isOutside, type Split } from './profile.ts'

const PARTS = [
  'writing the answer to the socket',
  'Node: HTTP, sockets, streams',
  'native code around it: polling, reading, parsing',
  'Fastify and the handler',
  'promises and ticks',
  'timers',
  'garbage collection',
  'ioredis',
  'sockets, streams and timers of ioredis',
  'SHA-256 of the token',
  'our guard, cache and store',
] as const

type Part = (typeof PARTS)[number]

/** Where the CPU time of a guarded request goes. */
export const GUARDED_REQUEST: Split<Part> = { parts: PARTS, findPart }

/** What Node does itself it does for the caller. */
function findPart(frame: Frame, caller: Part | null): Part | null {
  const { functionName, url } = frame
  if (isOutside(frame)) return null
  if (functionName === '(garbage collector)') return 'garbage collection'
  if (functionName === 'oneShotDigest' || url.startsWith('node:internal/crypto')) return 'SHA-256 of the token'
  if (/node_modules\/(ioredis|@ioredis|redis-parser|standard-as-callback|denque|cluster-key-slot)\//.test(url))
    return 'ioredis'
  if (/packages\/fastify\/dist\//.test(url)) return 'our guard, cache and store'
  if (/node_modules|bench\/targets/.test(url)) return 'Fastify and the handler'
  if (caller === 'ioredis' || caller === 'sockets, streams and timers of ioredis')
    return 'sockets, streams and timers of ioredis'
  if (/^write(Utf8|Latin1)String$|^writev$/.test(functionName)) return 'writing the answer to the socket'
  if (functionName === 'runMicrotasks' || /^node:internal\/process/.test(url)) return 'promises and ticks'
  if (/^node:(internal\/)?timers/.test(url)) return 'timers'
  if (url.startsWith('node:')) return 'Node: HTTP, sockets, streams'
  return 'native code around it: polling, reading, parsing'
}
