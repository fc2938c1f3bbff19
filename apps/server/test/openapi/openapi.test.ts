import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Validator } from '@seriousme/openapi-schema-validator'
import type { FastifyInstance } from 'fastify'
import { pino } from 'pino'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { describeApis } from '../../src/openapi/describe.ts'
import { writeDocuments } from '../../src/openapi/write.ts'
import { openServiceApi } from '../../src/service-api/open.ts'
import { startService } from '../service.ts'
import { routesOf, startServiceApi } from '../service-api/service-api.ts'

interface Operation {
  summary?: string
  security?: object[]
  description?: string
  responses: Record<string, { content?: Record<string, unknown> }>
}

describe('the OpenAPI document', () => {
  let document: { paths: Record<string, Record<string, Operation>> }
  beforeAll(async () => {
    document = JSON.parse(JSON.stringify(await describeApis()))
  })
  const operations = () =>
    Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ place: `${method.toUpperCase()} ${path}`, operation })),
    )

  test('the OpenAPI document is the one in the repository, where a review sees what a change is for callers; vitest -u writes it', async () => {
    await expect(`${JSON.stringify(await describeApis(), null, 2)}\n`).toMatchFileSnapshot(
      join(import.meta.dirname, '../../openapi.json'),
    )
  })

  test('the OpenAPI document is valid', async () => {
    expect(await new Validator().validate(document)).toEqual({ valid: true })
  })

  test('the OpenAPI document has every route of both APIs, and says what each is for', async () => {
    const routes: { method: string; path: string }[] = []
    const beforeRoutes = (app: FastifyInstance) => {
      app.addHook('onRoute', ({ method, url: path }) => {
        for (const each of [method].flat()) routes.push({ method: each, path })
      })
    }
    await startService('embedded', () => {}, { beforeRoutes })
    const { api } = await startServiceApi()
    const places = [...routes, ...routesOf(api)]
      .filter(({ method, path }) => method !== 'HEAD' && path !== '/undecodable-address')
      .map(({ method, path }) => `${method} ${path.replaceAll(/:(\w+)/g, '{$1}')}`)
    expect(places.length).toBeGreaterThan(25)
    const described = operations().map(({ place }) => place)
    expect(described).toEqual(expect.arrayContaining(places))
    expect(described).toEqual(
      expect.arrayContaining(['POST /v1/me/avatar', 'POST /v1/me/phone', 'POST /wechat/push/{appid}']),
    )
    expect(operations().filter(({ operation }) => !operation.summary)).toEqual([])
  })

  test('the OpenAPI document says which token a route takes, and that errors are problems', () => {
    const { paths } = document
    expect(paths['/v1/me']?.get?.security).toEqual([{ session: [] }])
    expect(paths['/v1/session']?.delete?.security).toEqual([{ session: [] }])
    expect(paths['/v1/sessions']?.post?.security).toBeUndefined()
    expect(paths['/service/v1/users/{id}']?.get).toMatchObject({
      security: [{ service: [] }],
      description: expect.stringContaining('Scope: `read`.'),
    })
    for (const { operation } of operations()) {
      expect(Object.keys(operation.responses.default?.content ?? {})).toEqual(['application/problem+json'])
    }
  })
})

test('/openapi.json, /docs and the console need no token, and the page loads nothing from elsewhere', async () => {
  const { app } = await startService('embedded')
  const service = { host: '127.0.0.1', port: 0, tokens: [] }
  const servers = { redisUrl: 'elsewhere', databaseUrl: 'elsewhere', dataDir: 'nowhere' }
  const api = await openServiceApi({ ...servers, service }, app, pino({ level: 'silent' }))
  onTestFinished(() => api.close())
  expect(await (await fetch(`${api.address}/openapi.json`)).json()).toMatchObject({ openapi: '3.1.0' })

  const page = await fetch(`${api.address}/docs/`)
  expect(page.headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'self';/)
  const html = await page.text()
  expect(html).not.toMatch(/https?:\/\//)
  const files = [...html.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, path = '']) => new URL(path, page.url))
  expect(files.length).toBeGreaterThan(3)
  for (const file of files) expect((await fetch(file)).status, file.pathname).toBe(200)
  const initializer = await (await fetch(new URL('static/swagger-initializer.js', page.url))).text()
  expect(initializer).toContain('"validatorUrl":null')
  expect((await fetch(`${api.address}/docs`)).url).toBe(page.url.replace(/\/$/, ''))
  expect((await fetch(`${api.address}/docs/nothing`)).status).toBe(404)
  const consolePage = await fetch(`${api.address}/`)
  expect(consolePage.headers.get('content-type')).toContain('text/html')
  expect(await consolePage.text()).toContain('<script')
  // Where phones are, there is neither.
  for (const path of ['/openapi.json', '/docs']) expect((await app.inject(path)).statusCode).toBe(404)
})

test('a build writes the document, and a page that holds it', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'weapp-auth-openapi-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  await writeDocuments(folder)
  const read = (file: string) => readFileSync(join(folder, file), 'utf8')
  const document = JSON.parse(read('openapi.json'))
  expect(Object.keys(document.paths)).toContain('/v1/sessions')
  expect(read('docs/static/swagger-initializer.js')).toContain(JSON.stringify(document))
  expect(read('docs/index.html')).toContain('swagger-initializer.js')
  expect(read('docs/static/swagger-ui-bundle.js').length).toBeGreaterThan(100_000)
})
