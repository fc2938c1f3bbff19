import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { setTimeout as sleep } from 'node:timers/promises'
import { FastifyOtelInstrumentation } from '@fastify/otel'
import { context, DiagLogLevel, diag, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { defaultResource, detectResources, envDetector, resourceFromAttributes } from '@opentelemetry/resources'
import { BatchSpanProcessor, NodeTracerProvider, type SpanProcessor } from '@opentelemetry/sdk-trace-node'
import { type AnsweredProblem, CHANNELS, type FinishedCall } from '@weapp-auth/fastify'
import type { FastifyBaseLogger, FastifyInstance } from 'fastify'
import type { Config } from '../config.ts'

/** Spans of requests and of what they ask WeChat and the stores. */
export interface Traces {
  /** Traces the requests of an application. Call it before the first route is added. */
  watch(app: FastifyInstance): Promise<void>
  /** Sends the spans that are left, for a second at most. */
  close(): Promise<void>
}

const SEND_REST_MS = 1_000
/** How often the log says that the collector is away, which would fail every few seconds. */
const WARN_AGAIN_MS = 60_000

/** Starts tracing, by the variables of OpenTelemetry: `OTEL_EXPORTER_OTLP_ENDPOINT`, `OTEL_SERVICE_NAME`, `OTEL_TRACES_SAMPLER`, …. */
export function openTraces(config: Pick<Config, 'redisUrl' | 'databaseUrl'>, log: FastifyBaseLogger): Traces {
  warnAtTimes(log)
  const named = resourceFromAttributes({ 'service.name': 'weapp-auth' })
  const provider = new NodeTracerProvider({
    resource: defaultResource()
      .merge(named)
      .merge(detectResources({ detectors: [envDetector] })),
    spanProcessors: [withoutMessages, new BatchSpanProcessor(new OTLPTraceExporter())],
  })
  provider.register()
  const tracer = provider.getTracer('weapp-auth')
  const systems = databasesOf(config)

  const onCall = (message: unknown) => {
    // Of a request that is not sampled nothing is sent: what a span would say need not be put together.
    if (trace.getActiveSpan()?.isRecording() === false) return
    const { target, operation, outcome, errcode, startedAtMs, durationMs } = message as FinishedCall
    const system = systems[target]
    const span = tracer.startSpan(`${target} ${operation}`, {
      kind: SpanKind.CLIENT,
      startTime: startedAtMs,
      attributes: {
        ...(system && { 'db.system.name': system, 'db.operation.name': operation }),
        ...(errcode !== null && { 'weapp_auth.errcode': errcode }),
        'weapp_auth.outcome': outcome,
      },
    })
    if (outcome !== 'ok' && outcome !== 'refused') span.setStatus({ code: SpanStatusCode.ERROR })
    span.end(startedAtMs + durationMs)
  }
  const onProblem = (message: unknown) => {
    trace.getActiveSpan()?.setAttribute('weapp_auth.problem', (message as AnsweredProblem).code)
  }
  subscribe(CHANNELS.calls, onCall)
  subscribe(CHANNELS.problems, onProblem)

  const requests = new FastifyOtelInstrumentation({
    instrumentHooks: false,
    instrumentHandler: false,
    recordExceptions: false,
    requestHook(span, { method, routeOptions: { url = 'no route' } }) {
      span.updateName(`${method} ${url}`)
      // The pattern, not the address: an address may hold a token or a code.
      span.setAttribute('url.path', url)
    },
  })
  requests.setTracerProvider(provider)

  return {
    async watch(app) {
      await app.register(requests.plugin())
    },
    async close() {
      unsubscribe(CHANNELS.calls, onCall)
      unsubscribe(CHANNELS.problems, onProblem)
      // It fails when the collector is away, which is no reason for the service not to stop.
      const sent = provider.shutdown().catch(() => {})
      await Promise.race([sent, sleep(SEND_REST_MS, undefined, { ref: false })])
      for (const api of [trace, context, propagation, diag]) api.disable()
    },
  }
}

/** Removes messages of errors, which may quote what was sent, as those of the JSON parser do. The span has the code of the problem. */
const withoutMessages: SpanProcessor = {
  onStart() {},
  onEnd(span) {
    delete span.status.message
  },
  forceFlush: async () => {},
  shutdown: async () => {},
}

function databasesOf({ redisUrl, databaseUrl }: Pick<Config, 'redisUrl' | 'databaseUrl'>): Record<string, string> {
  const users = databaseUrl === null ? 'sqlite' : databaseUrl.startsWith('mysql:') ? 'mysql' : 'postgresql'
  return { sessions: redisUrl === null ? 'sqlite' : 'redis', users, phones: users }
}

function warnAtTimes(log: FastifyBaseLogger): void {
  let freeAtMs = 0
  const warn = (message: string) => {
    if (performance.now() < freeAtMs) return
    freeAtMs = performance.now() + WARN_AGAIN_MS
    log.warn({ reason: message }, 'traces cannot be sent, and are lost meanwhile')
  }
  const quiet = () => {}
  diag.setLogger({ error: warn, warn: quiet, info: quiet, debug: quiet, verbose: quiet }, DiagLogLevel.ERROR)
}
