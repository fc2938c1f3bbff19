/** One server of a group. */
export interface RedisNode {
  host: string
  port: number
}

/** Where the sessions are, and how to sign in there. */
export type RedisTarget = RedisAccess &
  (
    | { kind: 'standalone'; node: RedisNode; tls: boolean }
    /** The nodes are sentinels; `name` is that of the master they watch. */
    | { kind: 'sentinel'; nodes: RedisNode[]; name: string }
    | { kind: 'cluster'; nodes: RedisNode[] }
  )

interface RedisAccess {
  username?: string
  password?: string
  db: number
}

const REDIS_PORT = 6379
const SENTINEL_PORT = 26_379

const FORM = /^(?<scheme>[a-z+]+):\/\/(?:(?<access>[^@/\s]*)@)?(?<nodes>[^@/\s?#]+)(?:\/(?<path>[^?#\s]*))?$/i

/**
 * Reads `redis://`, `rediss://`, `redis+sentinel://host:port,host:port/name` and `redis+cluster://host:port,host:port`.
 * Each may have `user:password@` in front of the hosts, percent-encoded, and all but the cluster a database number at the
 * end: `redis://host/2`, `redis+sentinel://host/name/2`.
 *
 * @returns null for anything else; why is not said in words that could hold the password
 */
export function parseRedisUrl(text: string): RedisTarget | null {
  const { scheme = '', access, nodes = '', path = '' } = FORM.exec(text)?.groups ?? {}
  const who = parseAccess(access)
  if (!who) return null
  switch (scheme.toLowerCase()) {
    case 'redis':
    case 'rediss': {
      const [node, ...others] = parseNodes(nodes, REDIS_PORT) ?? []
      const db = parseDatabase(path)
      if (!node || others.length > 0 || db === null) return null
      return { kind: 'standalone', node, tls: scheme.toLowerCase() === 'rediss', db, ...who }
    }
    case 'redis+sentinel': {
      const [name = '', database = '', ...rest] = path.split('/')
      const sentinels = parseNodes(nodes, SENTINEL_PORT)
      const db = parseDatabase(database)
      const decoded = decode(name)
      if (!sentinels || !decoded || db === null || rest.length > 0) return null
      return { kind: 'sentinel', nodes: sentinels, name: decoded, db, ...who }
    }
    case 'redis+cluster': {
      const seeds = parseNodes(nodes, REDIS_PORT)
      // A cluster has one database.
      if (!seeds || path !== '') return null
      return { kind: 'cluster', nodes: seeds, db: 0, ...who }
    }
    default:
      return null
  }
}

/** Without a colon it could be a user or, as in older Redis, a password: whoever wrote it has to say. */
function parseAccess(text: string | undefined): Omit<RedisAccess, 'db'> | null {
  if (text === undefined) return {}
  const colon = text.indexOf(':')
  if (colon < 0) return null
  const username = decode(text.slice(0, colon))
  const password = decode(text.slice(colon + 1))
  if (username === null || password === null) return null
  return { ...(username && { username }), ...(password && { password }) }
}

function parseNodes(text: string, defaultPort: number): RedisNode[] | null {
  const nodes = text.split(',').map((node) => parseNode(node, defaultPort))
  return nodes.every((node) => node !== null) ? nodes : null
}

function parseNode(text: string, defaultPort: number): RedisNode | null {
  // An address that the standard parser takes; its http keeps it from being lenient about hosts.
  const url = URL.parse(`http://${text}`)
  if (!url?.hostname || url.pathname !== '/' || !/^(\[[^\]]+\]|[^:[\]]+)(:\d+)?$/.test(text)) return null
  const port = /:(\d+)$/.exec(text)?.[1]
  return { host: url.hostname.replace(/[[\]]/g, ''), port: port ? Number(port) : defaultPort }
}

function parseDatabase(text: string): number | null {
  if (text === '') return 0
  return /^\d{1,5}$/.test(text) ? Number(text) : null
}

function decode(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch {
    return null
  }
}
