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
    ['an error of Fastify about a parser', withFields({ code: 'FST_ERR_CTP_X', statusCode: 500 }), 500],
    ['an error with an empty list of validation errors', withFields({ validation: [] }), 500],
    ['validation errors that are none', withFields({ validation: [null, 'x', 5] }), 400],
    ['an error that is frozen', Object.freeze(withFields({ code: 5, statusCode: 'x' })), 500],
    ['a status that is the name of a method', withFields({ statusCode: 'constructor' }), 500],
    ['a status that does not exist', withFields({ statusCode: 999 }), 500],
    ['a text', 'the real reason', 500],
    ['an object with a status', { statusCode: 404, text: 'the real reason' }, 500],
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
    ['an error whose getters throw', hostile, { reason: 'it cannot be read' }],
    [
      'an error whose message cannot be read',
      Object.defineProperty(new Error('x'), 'message', { get: () => hostile }),
      { msg: 'an unexpected error' },
    ],
  ])('thrown: %s. The answer is a problem, and the log says that there was an error', async (_, thrown, line) => {
    const { answerTo, lines } = await openThrowing()
    expect((await answerTo(thrown)).json()).toMatchObject({ status: 500, code: 'internal' })
    expect(lines.map((line) => JSON.parse(line)).find(({ level }) => level === 50)).toMatchObject(line)
  })

  it('what an ApiError tells beside its code is answered and logged only where it has the right type', async () => {
    const { answerTo, lines } = await openThrowing()
    const odd = { detail: 5, reason: {}, retryAfterSeconds: 'soon\r\nx: y', logFields: 'ab' } as never
    const answer = await answerTo(new ApiError('store_unavailable', 'x', odd))
    expect(Object.keys(answer.json()).sort()).toEqual(['code', 'requestId', 'status', 'title', 'type'])
    expect([answer.statusCode, answer.headers['retry-after']]).toEqual([503, '1'])
    expect(lines.map((line) => JSON.parse(line)).find(({ level }) => level === 50)).not.toHaveProperty('0')
    const right = { detail: 'd', reason: 'admin', retryAfterSeconds: 7, logFields: { userId: 'u1' } } as const
    const whole = await answerTo(new ApiError('store_unavailable', 'x', right))
    expect(whole.json()).toMatchObject({ detail: 'd', reason: 'admin' })
    expect(whole.headers['retry-after']).toBe('7')
    expect(lines.join('')).toContain('"userId":"u1"')
  })

  it.each([
    [400, 'request_invalid'],
    [404, 'not_found'],
    [413, 'payload_too_large'],
    [415, 'media_type_unsupported'],
    [429, 'rate_limited'],
    [503, 'overloaded'],
  ])(
    'an error of another plugin with the status %i is answered as %s, and not kept by a cache',
    async (status, code) => {
      const { answerTo } = await openThrowing()
      const answer = await answerTo(withFields({ statusCode: status }))
      expect([answer.statusCode, answer.json().code]).toEqual([status, code])
      expect(answer.json().detail ?? '').not.toContain('JSON')
      expect(answer.headers['cache-control']).toBe('no-store')
      expect(answer.headers).not.toHaveProperty('www-authenticate')
    },
  )

  it('a status of the host that the wire contract has no code for stands in the log', async () => {
    const { answerTo, lines } = await openThrowing()
    expect((await answerTo(withFields({ statusCode: 405 }))).statusCode).toBe(405)
    const refusal = lines.map((line) => JSON.parse(line)).find(({ msg }) => msg === 'refused by the host application')
    expect(refusal).toMatchObject({ level: 30, status: 405 })
  })

  it.each([
    ['a field', [{ instancePath: '/device/model', message: 'must be string' }], 'device.model must be string'],
    ['the body, where no field is named', [{ instancePath: '', message: 'must be object' }], 'body must be object'],
    ['nothing at all', [{}], 'body is not valid'],
    ['a rule of Ajv with NOT', [{ instancePath: '/n', message: 'must NOT be longer' }], 'n must not be longer'],
    [
      'a missing field inside another',
      [{ instancePath: '/device', keyword: 'required', params: { missingProperty: 'model' } }],
      'device.model is missing',
    ],
    ['a constant', [{ instancePath: '/n', keyword: 'const', params: { allowedValue: 5 } }], 'n must be one of 5'],
    [
      'an enum, after an error of another field',
      [
        { instancePath: '/other', params: { allowedValues: ['x'] } },
        { instancePath: '/n', keyword: 'enum', params: { allowedValues: [1, 2] } },
      ],
      'n must be one of 1, 2',
    ],
  ])('errors of validation about %s are answered with the field and the rule', async (_, validation, detail) => {
    const { answerTo } = await openThrowing()
    expect((await answerTo(withFields({ validation }))).json()).toMatchObject({ code: 'request_invalid', detail })
  })

  it('errors of validation name the part of the request that they are about', async () => {
    const { answerTo } = await openThrowing()
    const validation = [{ instancePath: '', message: 'must be object' }]
    const answer = await answerTo(withFields({ validation, validationContext: 'querystring' }))
    expect(answer.json().detail).toBe('querystring must be object')
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
