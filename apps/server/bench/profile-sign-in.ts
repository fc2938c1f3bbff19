import { type Frame, isOutside, type Split } from './profile.ts'

const PARTS = [
  'writing to sockets',
  'Node: HTTP, sockets, streams',
  'native code around it: polling, reading, parsing',
  'promises and ticks',
  'timers',
  'garbage collection',
  'Fastify, its plugins, checking the body',
  'undici: the call of WeChat',
  'ioredis',
  'Kysely and the SQL driver',
  'SQLite itself',
  'hashes, random bytes, sealing',
  'the log',
  'what the target itself does',
] as const

type Part = (typeof PARTS)[number]

/** Where the CPU time of a sign-in goes. */
export const SIGN_IN: Split<Part> = { parts: PARTS, findPart }

const LIBRARIES: readonly [pattern: RegExp, part: Part][] = [
  [/node_modules\/undici\//, 'undici: the call of WeChat'],
  [/node_modules\/(ioredis|@ioredis|redis-parser|standard-as-callback|denque|cluster-key-slot)\//, 'ioredis'],
  [/node_modules\/(kysely|pg|pg-[a-z-]+|postgres-[a-z]+|mysql2|sqlstring|lru\.min)\//, 'Kysely and the SQL driver'],
  [
    /node_modules\/(pino|@pinojs|pino-std-serializers|sonic-boom|safe-stable-stringify|quick-format-unescaped)\//,
    'the log',
  ],
  [/node_modules/, 'Fastify, its plugins, checking the body'],
  [/packages\/fastify\/dist|apps\/server\/(src|bench\/targets)/, 'what the target itself does'],
  [/^node:(internal\/)?crypto/, 'hashes, random bytes, sealing'],
  [/^node:internal\/process/, 'promises and ticks'],
  [/^node:(internal\/)?timers/, 'timers'],
  [/^node:/, 'Node: HTTP, sockets, streams'],
  [/^wasm:/, 'undici: the call of WeChat'],
]

/** Functions of Node's native code, which have no file. */
const NATIVE: readonly [pattern: RegExp, part: Part][] = [
  [/^write(Utf8|Latin1)String$|^writev$|^writeBuffer$/, 'writing to sockets'],
  [/^runMicrotasks$/, 'promises and ticks'],
  [
    /^(oneShotDigest|RandomBytesJob|CipherBase|Hmac|Hash|setAAD|getAuthTag|final|digest)$/,
    'hashes, random bytes, sealing',
  ],
]

const OF_SQLITE = /^(prepare|all|get|run|columns)$/

function findPart(frame: Frame, caller: Part | null): Part | null {
  const { functionName, url } = frame
  if (isOutside(frame)) return null
  if (functionName === '(garbage collector)') return 'garbage collection'
  if (url !== '') return partOf(url, LIBRARIES)
  if (caller === 'what the target itself does' && OF_SQLITE.test(functionName)) return 'SQLite itself'
  if (caller === 'hashes, random bytes, sealing') return caller
  return partOf(functionName, NATIVE)
}

function partOf(text: string, parts: readonly [pattern: RegExp, part: Part][]): Part {
  return parts.find(([pattern]) => pattern.test(text))?.[1] ?? 'native code around it: polling, reading, parsing'
}
