// Phones with the real client, and the proxy between them and the service.
import { createAuth } from '@weapp-auth/client'
import { createDevice, localLink, type Transport, type World } from '@weapp-auth/emulator'
import type { Pool } from 'undici'
import type { PollingPhone, Question } from './foreign-401.ts'

/** One phone with the real client. */
export interface Phone extends PollingPhone {
  signIn(): Promise<unknown>
  /** One request of the app's own. */
  ask(): Promise<void>
}

/** What went through the proxy. */
export interface Traffic {
  /** Answers 429 and 5xx of the service, by the code of their problem. */
  refused: Record<string, number>
  /** The sum of their `Retry-After`, in seconds. */
  retryAfterSeconds: number
  /** Sign-ins that were not answered 201, or not at all. */
  failedSignIns: number
}

/** Nothing yet. */
export function noTraffic(): Traffic {
  return { refused: {}, retryAfterSeconds: 0, failedSignIns: 0 }
}

/** What a phone needs. */
export interface LoadPhoneOptions {
  world: World
  /** The proxy's connections to the service. */
  proxy: Pool
  service: { url: string }
  /** Its number: every phone has a user and an address of its own. */
  index: number
  traffic: Traffic
}

/** The gateway before the service, in these benchmarks the proxy itself, refuses everybody here. */
const FOREIGN_PATH = '/reports'

export function createLoadPhone({ world, proxy, service, index, traffic }: LoadPhoneOptions): Phone {
  const questions: Question[] = []
  const device = createDevice({
    link: localLink(world),
    appid: world.apps[0]?.appid ?? '',
    user: `user ${index}`,
    name: `phone ${index}`,
    send: throughProxy({ proxy, address: addressOf(index), traffic, questions }),
  })
  const auth = createAuth({ baseUrl: service.url, wx: device.wx })
  return {
    questions,
    signIn: () => auth.ensureLogin(),
    async ask() {
      const { statusCode } = await auth.request({ url: '/v1/me' })
      if (statusCode !== 200) throw new Error(`status ${statusCode}`)
    },
    pollForeign: () => auth.request({ url: FOREIGN_PATH }),
  }
}

interface Way {
  proxy: Pool
  address: string
  traffic: Traffic
  /** The phone's own. */
  questions: Question[]
}

/** The way through a proxy, which keeps its connections and says whose request it passes on: sign-ins are limited by address. */
function throughProxy({ proxy, address, traffic, questions }: Way): Transport {
  return async ({ url, method, header, body, signal }) => {
    const { pathname } = new URL(url)
    if (pathname === FOREIGN_PATH) return { statusCode: 401, header: {}, body: '{"message":"no"}' }
    const question = pathname === '/v1/session' && method === 'GET' ? ask() : null
    let statusCode = 0
    try {
      const headers = { ...header, 'x-forwarded-for': address }
      const answer = await proxy.request({
        path: pathname,
        method: method as 'GET',
        headers,
        body: body ?? null,
        signal,
      })
      const text = await answer.body.text()
      statusCode = answer.statusCode
      if (question && statusCode === 200) question.answeredMs = performance.now()
      if (statusCode === 429 || statusCode >= 500) count(text, Number(answer.headers['retry-after'] ?? 0))
      const named = Object.entries(answer.headers).map(([name, value]) => [name, String(value)])
      return { statusCode, header: Object.fromEntries(named), body: text }
    } finally {
      if (pathname === '/v1/sessions' && statusCode !== 201) traffic.failedSignIns++
    }
  }

  function ask(): Question {
    const question = { askedMs: performance.now(), answeredMs: null }
    questions.push(question)
    return question
  }

  function count(problem: string, retryAfterSeconds: number): void {
    const { code } = JSON.parse(problem) as { code: string }
    traffic.refused[code] = (traffic.refused[code] ?? 0) + 1
    traffic.retryAfterSeconds += retryAfterSeconds
  }
}

function addressOf(index: number): string {
  return `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`
}
