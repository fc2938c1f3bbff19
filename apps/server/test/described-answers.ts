import type { FastifyInstance } from 'fastify'
import { expect, onTestFinished } from 'vitest'

/**
 * From now on each answer of an application is a problem, or has a status that the schema of its route names, and `/openapi.json`
 * with it: the bodies of those are written by their schemas. To be called before the first route. The end of the test says what
 * was answered otherwise.
 */
export function expectDescribedAnswers(app: FastifyInstance): void {
  const others: string[] = []
  onTestFinished(() => expect(others).toEqual([]))
  app.addHook('onSend', async ({ routeOptions: { method, url, schema } }, reply) => {
    const isProblem = String(reply.getHeader('content-type')).startsWith('application/problem+json')
    const described = Object.keys(schema?.response ?? {})
    if (isProblem ? reply.statusCode >= 400 : described.includes(String(reply.statusCode))) return
    others.push(`${method} ${url} ${reply.statusCode}`)
  })
}
