import { PROBLEM_STATUS } from '@weapp-auth/shared'
import fc from 'fast-check'
import Fastify from 'fastify'
import { describe, expect, it, onTestFinished } from 'vitest'
import { ApiError, problems } from '../../src/index.ts'

/** An application whose one route throws `thrown`, and the lines of its log. */
async function openThrowing(schema?: object) {
  const lines: string[] = []
  const app = Fastify({ logger: { stream: { write: (line: string) => void lines.push(line) } } })
  onTestFinished(() => app.close())
  let next: unknown
  await app.register(problems)
  app.post('/', { ...(schema && { schema }) }, async () => {
    throw next
  })
  return {
    lines,
    answerTo: (thrown: unknown) => {
      next = thrown
      lines.length = 0
      return app.inject({ method: 'POST', url: '/', payload: {} })
    },
  }
}

const withFields = (fields: object) => Object.assign(new Error('the real reason'), fields)
const hostile = new Proxy(new Error('x'), {
  get: () => {
    throw new Error('from a getter')
  },
})

describe('what is thrown, whatever it is', () => {
  it.each<[string, unknown, number]>([
    ['the DOMException of a timeout, whose code is a number', new DOMException('the real reason', 'TimeoutError'), 500],
    ['an error of MongoDB', withFields({ code: 11000 }), 500],
    ['an error of gRPC', withFields({ code: 14 }), 500],
    ['an error with an empty list of validation errors', withFields({ validation: [] }), 500],
    ['validation errors that are none', withFields({ validation: [null, 'x', 5] }), 400],
    ['an error that is frozen', Object.freeze(withFields({ code: 5, statusCode: 'x' })), 500],
    ['a status that is the name of a method', withFields({ statusCode: 'constructor' }), 500],
    ['a status that does not exist', withFields({ statusCode: 999 }), 500],
    ['a text', 'the real reason', 500],
    ['nothing', undefined, 500],
    ['an ApiError with a code that does not exist', new ApiError('teapot' as never, 'the real reason'), 500],
  ])('thrown: %s. The answer is a problem, and the log says what it was', async (_, thrown, status) => {
    const { answerTo, lines } = await openThrowing()
    const answer = await answerTo(thrown)
    expect(answer.json()).toMatchObject({ status, code: status === 400 ? 'request_invalid' : 'internal' })
    expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/)
    expect(answer.body).not.toContain('the real reason')
    if (thrown !== undefined && status === 500) expect(lines.join('')).toContain('the real reason')
  })

  it.each([
    ['an error whose getters throw', hostile],
    ['an error whose message cannot be read', Object.defineProperty(new Error('x'), 'message', { get: () => hostile })],
  ])('thrown: %s. The answer is a problem', async (_, thrown) => {
    const { answerTo, lines } = await openThrowing()
    expect((await answerTo(thrown)).json()).toMatchObject({ status: 500, code: 'internal' })
    expect(lines.length).toBeGreaterThan(0)
  })

  it('an answer has retryAfterSeconds and detail of an ApiError only when they have the right type', async () => {
    const { answerTo } = await openThrowing()
    const odd = { detail: 5, reason: {}, retryAfterSeconds: 'soon\r\nx: y' } as never
    const answer = await answerTo(new ApiError('store_unavailable', 'x', odd))
    expect(answer.json()).not.toHaveProperty('detail')
    expect([answer.statusCode, answer.headers['retry-after']]).toEqual([503, '1'])
  })

  it('an answer names the missing field of a host that validates with Ajv', async () => {
    const { answerTo } = await openThrowing({ body: { type: 'object', required: ['name'] } })
    const answer = await answerTo('not reached')
    expect(answer.json()).toMatchObject({ code: 'request_invalid', detail: 'name is missing' })
  })

  it('anything at all that is thrown is answered as a problem of the wire contract', async () => {
    const { answerTo } = await openThrowing()
    const any = fc.anything({ withBigInt: true, withDate: true, withMap: true, withNullPrototype: true })
    const fields = fc.record(
      {
        code: any,
        statusCode: fc.oneof(any, fc.integer({ min: 399, max: 600 })),
        validation: fc.oneof(any, fc.array(any)),
        validationContext: any,
        headers: any,
        message: any,
        cause: any,
        detail: any,
        reason: any,
        retryAfterSeconds: any,
      },
      { requiredKeys: [] },
    )
    const errors = fc.oneof(
      fields.map((own) => Object.defineProperties(new Error('x'), Object.getOwnPropertyDescriptors(own))),
      fields.map((own) =>
        Object.defineProperties(new ApiError('code_used', 'x'), Object.getOwnPropertyDescriptors(own)),
      ),
    )
    const thrown = fc.oneof(any, errors, errors.map(Object.freeze))
    await fc.assert(
      fc.asyncProperty(thrown, async (value) => {
        const answer = await answerTo(value)
        const { type, status, code, title, requestId } = answer.json()
        expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/)
        expect([status, typeof title, typeof requestId]).toEqual([answer.statusCode, 'string', 'string'])
        expect(status).toBeGreaterThanOrEqual(400)
        if (code !== undefined) expect(status).toBe(PROBLEM_STATUS[code as keyof typeof PROBLEM_STATUS])
        else expect(type).toBe('about:blank')
      }),
      { numRuns: 500 },
    )
  })
})
