import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { ApiError } from '@weapp-auth/fastify'
import type { FastifyInstance } from 'fastify'
import { securityHeaders } from './security-headers.ts'

/** What `apps/console/build.ts` writes. It stands in this package, so that it is deployed with it. */
const FOLDER = new URL('../console/', import.meta.url)

/** The page may load its own two files and call this listener, nothing else. */
const PAGE_HEADERS = securityHeaders({
  'default-src': ["'none'"],
  'script-src': ["'self'"],
  'style-src': ["'self'"],
  'img-src': ['data:'],
  'connect-src': ["'self'"],
  'base-uri': ["'none'"],
  'form-action': ["'none'"],
  'frame-ancestors': ["'none'"],
})

const FILES: Record<string, string> = {
  '': 'text/html; charset=utf-8',
  'console/console.js': 'text/javascript; charset=utf-8',
  'console/style.css': 'text/css; charset=utf-8',
}

/** The page for the person on call. Anybody who reaches the listener gets it: it holds nothing, and asks for a service token. */
export async function consolePage(api: FastifyInstance): Promise<void> {
  for (const [path, type] of Object.entries(FILES)) {
    api.get(`/${path}`, { config: { scope: 'none' } }, (_request, reply) => {
      const file = read(path === '' ? 'index.html' : path.replace('console/', ''))
      if (!file) throw new ApiError('not_found', 'apps/console was not built', { detail: 'run npm run build' })
      return reply.headers(PAGE_HEADERS).type(type).header('cache-control', 'no-cache').send(file)
    })
  }
}

function read(name: string): Buffer | null {
  const path = fileURLToPath(new URL(name, FOLDER))
  return existsSync(path) ? readFileSync(path) : null
}
