// The figures that documents state, and where each comes from: a committed result of a benchmark, or the client as it is
// built. A test fails where a document says something else; `npm run bench -- figures` writes them into the documents.
import { capacityFigures } from './capacity-figures.ts'
import { type Figure, readResult } from './figure.ts'

export type { Figure } from './figure.ts'

const CLIENT = ['packages/client/README.md', 'packages/client/README.zh-CN.md'] as const
const FASTIFY = ['packages/fastify/README.md', 'packages/fastify/README.zh-CN.md'] as const
const SOCKETS = ['docs/sockets.md', 'docs/sockets.zh-CN.md'] as const
const BENCH = 'apps/server/bench/README.md'

/** What the parts of the client are called, in both languages, and their files. */
const PARTS: [english: string, chinese: string, files: string[]][] = [
  [
    'sessions and logins: kept, checked, renewed, ended, retried, limited',
    '会话与登录：保存、检查、续期、结束、重试、限次',
    ['session', 'session-key', 'state', 'session-check', 'login'],
  ],
  [
    'options, instances that share a session, the calls of the service',
    '选项、共享会话的多个实例、对服务端的调用',
    ['auth', 'instances', 'hooks'],
  ],
  [
    'requests, uploads and downloads, both styles, tasks, `wrap`',
    '请求、上传、下载，两种调用风格，任务对象，`wrap`',
    ['pipeline', 'task', 'snapshot'],
  ],
  ['reading what the service answers', '解读服务端的响应', ['service', 'api']],
  ['reading what `wx` answers', '解读 `wx` 的响应', ['wx']],
  ['sockets', 'WebSocket', ['socket']],
  ['which addresses get the token', '哪些地址可以得到 token', ['url']],
  ['storage, deadlines, errors, events', '存储、时限、错误、事件', ['storage', 'deadline', 'errors', 'events']],
]

/** Of the client, whose sizes come from a build of it. */
export function clientFigures(size: number, shares: Record<string, number>): Figure[] {
  const known = [...PARTS.flatMap(([, , files]) => files), 'index']
  const unknown = Object.keys(shares).filter((path) => !known.some((file) => isFile(path, file)) && path !== '<stdin>')
  if (unknown.length > 0)
    throw new Error(`scripts/figures.ts does not say which part of the client is ${unknown.join(', ')}`)
  const bytesOf = (files: readonly string[]) =>
    Object.entries(shares)
      .filter(([path]) => files.some((file) => isFile(path, file)))
      .reduce((sum, [, bytes]) => sum + bytes, 0)
  const kb = (bytes: number) => (bytes / 1000).toFixed(1)
  // Every change of the client moves them a little.
  const tolerance = 0.1
  const total = { total: kb(size) }
  return [
    {
      file: CLIENT[0],
      sentence: "{total} kB minified as WeChat's upload does it, and gzipped.",
      values: total,
      tolerance,
    },
    { file: CLIENT[1], sentence: '按微信上传时的方式压缩并 gzip 后为 {total} kB。', values: total, tolerance },
    ...PARTS.flatMap(([english, chinese, files]) => {
      const values = { size: kb(bytesOf(files)) }
      return [
        { file: CLIENT[0], sentence: `| ${english} | {size} |`, values, tolerance },
        { file: CLIENT[1], sentence: `| ${chinese} | {size} |`, values, tolerance },
      ]
    }),
  ]
}

function isFile(path: string, name: string): boolean {
  return path.endsWith(`/${name}.ts`) || path.endsWith(`/${name}.js`)
}

interface Memory {
  measured: { what: string; bytes: { size: number; each: number }[] }[]
}

interface Guard {
  revocations: { sessions: number; refusedAtOnce: number }
  runs: Record<'cacheOff' | 'cacheOn' | 'timesExpressSession' | 'oneGet', number>[]
}

interface Sockets {
  measured: { what: string; bytesEach: number; pingMicroseconds: number | null }[]
}

interface Profile {
  profiles: { target: string; cpuMicroseconds: number; parts: Record<string, number> }[]
}

/** Of what was measured, from the committed results. */
export function measuredFigures(): Figure[] {
  const { measured } = readResult<Memory>('memory')
  const bytes = (what: string) => measured.find((kind) => kind.what === what)?.bytes[0]?.each ?? Number.NaN
  const tens = (value: number) => (Math.round(value / 10) * 10).toFixed(0)
  const session = {
    plain: tens(bytes('one a user, not used yet')),
    device: tens(bytes('with device data, not used yet')),
  }

  const { revocations, runs } = readResult<Guard>('guard')
  const revoked = {
    tokens: String(revocations.sessions),
    refused: String(revocations.refusedAtOnce),
  }

  const { profiles } = readResult<Profile>('profile')
  const [bare, cached] = ['unguarded', 'weapp-auth, cache on'].map((name) =>
    profiles.find(({ target }) => target === name),
  )
  const us = (value = Number.NaN) => value.toFixed(1)
  const cacheOn = {
    bare: us(bare?.cpuMicroseconds),
    added: us((cached?.cpuMicroseconds ?? Number.NaN) - (bare?.cpuMicroseconds ?? Number.NaN)),
    hash: us(cached?.parts['SHA-256 of the token']),
    own: us(cached?.parts['our guard, cache and store']),
  }
  return [
    ...capacityFigures(),
    {
      file: FASTIFY[0],
      sentence: 'A session takes about {plain} bytes of Redis, {device} with device data.',
      values: session,
    },
    { file: FASTIFY[1], sentence: '每个会话约占 Redis {plain} 字节，带设备信息时约 {device} 字节。', values: session },
    {
      file: FASTIFY[0],
      sentence:
        'Of {tokens} tokens, measured over HTTP between two processes, {refused} were refused at the first request after the sign-out was answered',
      values: revoked,
    },
    {
      file: FASTIFY[1],
      sentence:
        '在两个进程之间用 HTTP 实测 {tokens} 个 token，退出登录得到应答之后的第一个请求就被拒绝的有 {refused} 个',
      values: revoked,
    },
    {
      file: BENCH,
      sentence: 'Serving one without a guard takes {bare} µs, so 0.95 leaves a guard less than one.',
      values: cacheOn,
    },
    {
      file: BENCH,
      sentence: 'Ours adds {added}: {hash} for the SHA-256 of the token, {own} for what the guard does itself',
      values: cacheOn,
    },
    ...runFigures(runs),
    ...socketFigures(readResult<Sockets>('sockets')),
  ]
}

/** A row for each share, a column for each of the four runs. */
function runFigures(runs: Guard['runs']): Figure[] {
  const row = (start: string, name: keyof Guard['runs'][number]) => {
    const [first = '', second = '', third = '', fourth = ''] = runs.map((run) => run[name].toFixed(2))
    const sentence = `${start} | {first} | {second} | {third} | {fourth} |`
    return { file: BENCH, sentence, values: { first, second, third, fourth } }
  }
  return [
    row('| cache off, of unguarded | 0.70', 'cacheOff'),
    row('| cache on, of unguarded | 0.95', 'cacheOn'),
    row('| cache off, times express-session | 2.50', 'timesExpressSession'),
    row('| one GET and nothing else, of unguarded |', 'oneGet'),
  ]
}

function socketFigures({ measured }: Sockets): Figure[] {
  const [bare, guarded] = ['without guardSocket', 'guarded'].map((kind) => measured.find(({ what }) => what === kind))
  const kb = (bytes: number) => (bytes / 1000).toFixed(0)
  const values = {
    bare: kb(bare?.bytesEach ?? Number.NaN),
    added: kb((guarded?.bytesEach ?? Number.NaN) - (bare?.bytesEach ?? Number.NaN)),
    ping: (Math.round((guarded?.pingMicroseconds ?? Number.NaN) / 10) * 10).toFixed(0),
  }
  return [
    {
      file: SOCKETS[0],
      sentence:
        '`@fastify/websocket` itself takes about {bare} kB of memory for a socket, the guard about {added} kB more.',
      values,
    },
    {
      file: SOCKETS[0],
      sentence: 'A ping with its answer and the check of the session takes about {ping} µs of CPU.',
      values,
    },
    {
      file: SOCKETS[1],
      sentence:
        '`@fastify/websocket` 本身每个连接约占 {bare} kB 内存，守卫再加约 {added} kB。一次 ping 连同回应和会话检查约用 {ping} µs CPU 时间。',
      values,
    },
  ]
}

/** The document with the true figures in the sentence; null when the sentence is not there. */
export function write(text: string, figure: Figure): string | null {
  const found = patternOf(figure.sentence).exec(text)
  if (!found) return null
  const names = namesIn(figure.sentence)
  const isTrue = names.every((name, index) => {
    const difference = Math.abs(toNumber(found[index + 1]) - toNumber(figure.values[name]))
    // A hair more, because 0.3 - 0.2 is not 0.1.
    return difference <= (figure.tolerance ?? 0) + 1e-9
  })
  if (isTrue) return text
  const sentence = figure.sentence.replaceAll(/\{(\w+)\}/g, (_, name: string) => figure.values[name] ?? '')
  return text.replace(found[0], () => sentence)
}

function namesIn(sentence: string): string[] {
  return [...sentence.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => name)
}

/** Where a line of the sentence ends is the document's own matter. */
function patternOf(sentence: string): RegExp {
  const parts = sentence
    .split(/\{\w+\}/)
    .map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&').replaceAll(' ', '\\s+'))
  return new RegExp(parts.join('(\\d(?:[\\d.,]*\\d)?)'))
}

function toNumber(text = ''): number {
  return Number(text.replaceAll(',', ''))
}
