import { existsSync, readFileSync } from 'node:fs'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { FastifyInstance } from 'fastify'
import { securityHeaders } from './security-headers.ts'

const FOLDER = new URL('../../playground/dist/', import.meta.url)

/**
 * The example mini-program is compiled in the page, as its framework does it on a phone (`unsafe-eval`), inside a frame
 * that belongs to the page. Nothing is loaded from elsewhere.
 */
const PAGE_HEADERS = securityHeaders({
  'default-src': ["'none'"],
  'script-src': ["'self'", "'unsafe-eval'"],
  'style-src': ["'self'", "'unsafe-inline'"],
  'img-src': ["'self'", 'data:', 'blob:'],
  'connect-src': ["'self'"],
  'frame-src': ["'self'"],
  'base-uri': ["'none'"],
  'form-action': ["'none'"],
  'frame-ancestors': ["'none'"],
})

const TYPES: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.json': 'application/json; charset=utf-8',
}

/** The page at `/` of the demonstration, and its files. They are few, and read anew each time: a rebuild shows at once. */
export async function playground(app: FastifyInstance): Promise<void> {
  app.get('/', (_request, reply) =>
    reply
      .headers(PAGE_HEADERS)
      .type('text/html; charset=utf-8')
      .header('cache-control', 'no-cache')
      .send(read('index.html')),
  )
  app.get<{ Params: { '*': string } }>('/playground/*', (request, reply) => {
    const name = request.params['*']
    const type = TYPES[extname(name)]
    // Names only, no paths that lead out of the folder.
    const file = /^(?:[\w-]+\/)*[\w-]+(?:\.\w+)+$/.test(name) && type ? read(name) : null
    if (file === null || type === undefined) return reply.callNotFound()
    return reply.headers(PAGE_HEADERS).type(type).header('cache-control', 'no-cache').send(file)
  })
}

function read(name: string): Buffer | null {
  const path = fileURLToPath(new URL(name, FOLDER))
  return existsSync(path) ? readFileSync(path) : null
}
