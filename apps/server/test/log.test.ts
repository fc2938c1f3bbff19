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
