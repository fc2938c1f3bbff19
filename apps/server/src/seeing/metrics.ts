import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { Counter, collectDefaultMetrics, Registry } from '@prometheus-io/client'
import { type AnsweredProblem, authenticate, CHANNELS, type EventQueue, type FinishedCall } from '@weapp-auth/fastify'
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import type { CacheTally } from './observed-stores.ts'
import { createQueueGauges } from './queue-gauges.ts'
import { createTimings, type Timing } from './timings.ts'

/** What the service counts, for Prometheus. Each label has few values, and none comes out of a request. */
export interface Metrics {
  contentType: string
  /** All of it in Prometheus' text format. */
  text(): Promise<string>
  /** Counts the requests of an application. To be called before its first route. */
  watch(app: FastifyInstance): void
  /** Tells how many events wait in a queue. */
  watchQueue(queue: Pick<EventQueue, 'inspect'>): void
  cache: CacheTally
  /** Ends the counting. */
  close(): void
}

/** The most errcodes that get a series each. WeChat has some hundreds, and a service meets about a dozen. */
const MAX_ERRCODES = 50

const SIGN_IN = '/v1/sessions'

/** The codes with which the guard refuses a request. The last one may also come from the route behind the guard. */
const REFUSALS = new Set([
  'session_missing',
  'session_malformed',
  'session_invalid',
  'session_revoked',
  'store_unavailable',
])

/** Starts counting. */
export function createMetrics(): Metrics {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const requests = createTimings({
    name: 'weapp_auth_request_seconds',
    help: 'Requests, by the pattern of their route and the status of the answer.',
  })
  const calls = createTimings({
    name: 'weapp_auth_call_seconds',
    help: 'Calls to WeChat, to the stores and to hooks, by how they ended.',
  })
  const cache = { hits: 0, misses: 0 }
  const signIns = count('weapp_auth_sign_ins_total', 'Sign-ins, by how they ended.', ['outcome'])
  const guard = count('weapp_auth_guard_total', 'Requests to guarded routes, by what the guard said.', ['outcome'])
  const problems = count('weapp_auth_problems_total', 'Answers that are problems.', ['method', 'route', 'code'])
  const answers = count('weapp_auth_wechat_answers_total', "WeChat's answers; errcode 0 is success.", [
    'operation',
    'errcode',
  ])
  new Counter({
    name: 'weapp_auth_session_cache_total',
    help: "Questions of the guard to this process's cache of sessions.",
    labelNames: ['result'],
    registers: [registry],
    collect() {
      this.reset()
      this.inc({ result: 'hit' }, cache.hits)
      this.inc({ result: 'miss' }, cache.misses)
    },
  })

  let readQueue = async () => {}

  const codes = new WeakMap<FastifyRequest, string>()
  const onProblem = (message: unknown) => {
    const { request, code } = message as AnsweredProblem
    codes.set(request, code)
  }
  const errcodes = new Set<number>()
  const timings = new Map<string, Map<string, Map<string, Timing>>>()
  const onCall = (message: unknown) => {
    const { target, operation, outcome, errcode, durationMs } = message as FinishedCall
    // Maps in maps, because joining the three names into one key costs more than counting.
    const byOutcome = within(within(timings, target), operation)
    let timing = byOutcome.get(outcome)
    if (!timing) {
      timing = calls.of({ target, operation, outcome })
      byOutcome.set(outcome, timing)
    }
    timing.observe(durationMs / 1000)
    if (errcode === null) return
    if (errcodes.size < MAX_ERRCODES) errcodes.add(errcode)
    answers.add(operation, errcodes.has(errcode) ? String(errcode) : 'other')
  }
  subscribe(CHANNELS.problems, onProblem)
  subscribe(CHANNELS.calls, onCall)

  return {
    contentType: registry.contentType,
    async text() {
      await readQueue()
      return `${await registry.metrics()}\n${requests.render()}${calls.render()}`
    },
    watch(app) {
      app.addHook('onRoute', watchRoute)
    },
    watchQueue(queue) {
      readQueue = createQueueGauges(queue, registry)
    },
    cache,
    close() {
      unsubscribe(CHANNELS.problems, onProblem)
      unsubscribe(CHANNELS.calls, onCall)
    },
  }

  /** Adds a hook to the route itself, so that its labels are ready before a request comes. */
  function watchRoute(route: RouteOptions): void {
    const { url, onRequest, onResponse } = route
    const method = Array.isArray(route.method) ? 'any' : route.method
    const isGuarded = [onRequest].flat().includes(authenticate as never)
    const isSignIn = method === 'POST' && url === SIGN_IN
    const byStatus = new Map<number, Timing>()

    const countResponse = (request: FastifyRequest, reply: FastifyReply, done: () => void) => {
      const { statusCode: status, elapsedTime } = reply
      let timing = byStatus.get(status)
      if (!timing) {
        timing = requests.of({ method, route: url, status })
        byStatus.set(status, timing)
      }
      timing.observe(elapsedTime / 1000)
      const code = status < 400 ? undefined : codes.get(request)
      if (code !== undefined) problems.add(method, url, code)
      if (isGuarded) {
        if (code !== undefined && REFUSALS.has(code)) guard.add(code)
        else if (status < 400 || wasLetIn(request)) guard.add('passed')
      }
      if (isSignIn) signIns.add(code ?? 'signed_in')
      done()
    }
    route.onResponse = [...[onResponse ?? []].flat(), countResponse]
  }

  /** A counter whose values are read when Prometheus asks. */
  function count<const Labels extends readonly string[]>(name: string, help: string, labelNames: Labels) {
    const counts = new Map<string, { labels: Record<string, string>; value: number }>()
    new Counter({
      name,
      help,
      labelNames,
      registers: [registry],
      collect() {
        this.reset()
        for (const { labels, value } of counts.values()) this.inc(labels, value)
      },
    })
    return {
      add(...values: { [Index in keyof Labels]: string }) {
        const key = values.join(' ')
        const counted = counts.get(key)
        if (counted) counted.value++
        else
          counts.set(key, {
            labels: Object.fromEntries(labelNames.map((label, i) => [label, String(values[i])])),
            value: 1,
          })
      },
    }
  }
}

/** Whether the guard let the request pass. One that was refused before the guard, e.g. as `overloaded`, was not let in. */
function wasLetIn(request: FastifyRequest): boolean {
  try {
    return request.auth !== null
  } catch {
    return false
  }
}

/** The map under a key. It is made when it is missing. */
function within<V>(maps: Map<string, Map<string, V>>, key: string): Map<string, V> {
  let found = maps.get(key)
  if (!found) {
    found = new Map()
    maps.set(key, found)
  }
  return found
}
