import { describe, expect, test } from 'vitest'
import { createPhone } from './phone.ts'

const ELSEWHERE = { status: 302, header: { location: 'https://elsewhere.example.com/x' } }

describe('a redirect of an allowed origin', () => {
  test('a redirect of an allowed origin carries the token to no other host: the 3xx reaches the caller as it is, and the log says so once', async () => {
    const said: string[] = []
    const { auth, service } = createPhone({ logger: (line) => said.push(line) })
    service.business = ({ path }) => (path === '/a' ? ELSEWHERE : { status: 200 })
    expect((await auth.request({ url: '/a' })).statusCode).toBe(302)
    expect((await auth.request({ url: '/a' })).statusCode).toBe(302)
    expect(service.calls.filter(({ url }) => url.includes('elsewhere'))).toEqual([])
    expect(said.filter((line) => line.includes("redirect: 'follow'"))).toHaveLength(1)
  })

  test.each([
    ['that the caller wants to follow', { redirect: 'follow' }],
    ['of a request without a token', { auth: 'none' }],
  ] as const)('%s is followed', async (_, options) => {
    const { auth, service } = createPhone()
    service.business = ({ path }) => (path === '/a' ? ELSEWHERE : { status: 200, data: 'there' })
    expect((await auth.request({ url: '/a', ...options })).data).toBe('there')
  })

  test('of the exchange sends the code nowhere else, and of a sign-out the token', async () => {
    const { auth, service } = createPhone()
    await auth.ensureLogin()
    service.exchanges.push({ status: 307, header: ELSEWHERE.header })
    await expect(auth.ensureLogin({ force: true })).rejects.toMatchObject({ code: 'bad_response', statusCode: 307 })
    const route = service.route
    service.route = (call) => (call.method === 'DELETE' ? ELSEWHERE : route(call))
    await auth.logout()
    expect(service.calls.filter(({ url }) => url.includes('elsewhere'))).toEqual([])
  })

  test('the protection against redirects adds no option to a wrapped library', async () => {
    const { auth } = createPhone()
    const sent: object[] = []
    await auth.wrap(async (options: { url: string }) => {
      sent.push(options)
      return { statusCode: 200 }
    })({ url: '/a' })
    expect(sent[0]).not.toHaveProperty('redirect')
  })
})
