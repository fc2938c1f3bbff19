import Fastify from 'fastify'
import { expect, test } from 'vitest'
import { createLog } from '../src/log.ts'

test('a request in the log has neither its headers nor its query', async () => {
  const lines: string[] = []
  const app = Fastify({ loggerInstance: createLog('trace', { write: (line) => void lines.push(line) }) })
  app.get('/path', async (request) => {
    request.log.info({ req: { headers: { authorization: 'Bearer canary-header' }, url: request.url } }, 'by hand')
    return {}
  })
  await app.inject({ url: '/path?access_token=canary-query', headers: { authorization: 'Bearer canary-header' } })
  expect(lines.join()).toContain('"url":"/path"')
  expect(lines.join()).not.toContain('canary')
})

test.each([
  ['the headers of a request', { req: { method: 'GET', headers: { authorization: 'canary' } } }, '"method":"GET"'],
  ['the headers of an answer', { res: { statusCode: 201, headers: { 'set-cookie': 'canary' } } }, '"statusCode":201'],
  ['the query of an address', { req: { url: '/path?code=canary&code=canary' } }, '"url":"/path"'],
])('nothing of %s is written to the log, whichever code logs it', (_, fields, kept) => {
  const lines: string[] = []
  createLog('trace', { write: (line) => void lines.push(line) }).info(fields, 'by hand')
  expect(lines.join()).toContain(kept)
  for (const text of ['canary', 'undefined']) expect(lines.join()).not.toContain(text)
})
