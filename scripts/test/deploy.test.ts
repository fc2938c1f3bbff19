// The deployment files keep what docs/deploy promises of them, as far as that can be read from them.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { parse, parseAllDocuments } from 'yaml'
import { ROOT } from '../root.ts'

/** The service ends within this after SIGTERM, whatever is down. */
const STOP_SECONDS = 10

const variables = [...read('.env.example').matchAll(/^([A-Z_]+)=/gm)].map(([, name]) => name)

function read(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8')
}

describe('kubernetes.yaml', () => {
  const [deployment, service, budget] = parseAllDocuments(read('docs/deploy/kubernetes.yaml')).map((document) =>
    document.toJS(),
  )
  const pod = deployment.spec.template.spec
  const [container] = pod.containers

  test('one label holds deployment, pods, service and budget together', () => {
    expect([deployment.kind, service.kind, budget.kind]).toEqual(['Deployment', 'Service', 'PodDisruptionBudget'])
    const { labels } = deployment.spec.template.metadata
    for (const selected of [
      deployment.spec.selector.matchLabels,
      service.spec.selector,
      budget.spec.selector.matchLabels,
      pod.topologySpreadConstraints[0].labelSelector.matchLabels,
    ]) {
      expect(selected).toEqual(labels)
    }
  })

  test('an update and a drained node always leave a process that serves', () => {
    expect(deployment.spec.strategy.rollingUpdate.maxUnavailable).toBe(0)
    expect(budget.spec.minAvailable).toBeGreaterThan(0)
    expect(budget.spec.minAvailable).toBeLessThan(deployment.spec.replicas)
  })

  test('stopping takes its time: out of the load balancer first, then what the service needs', () => {
    const [command, seconds] = container.lifecycle.preStop.exec.command
    expect(command).toBe('sleep')
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(Number(seconds) + STOP_SECONDS)
    expect(Number(seconds)).toBeGreaterThan(container.readinessProbe.periodSeconds)
  })

  test('a store that is away takes traffic away and restarts nothing', () => {
    expect(container.readinessProbe.httpGet.path).toBe('/readyz')
    for (const probe of [container.livenessProbe, container.startupProbe]) expect(probe.httpGet.path).toBe('/livez')
    const [port] = container.ports
    for (const probe of [container.readinessProbe, container.livenessProbe, container.startupProbe]) {
      expect(probe.httpGet.port).toBe(port.name)
    }
    expect(service.spec.ports[0].targetPort).toBe(port.name)
  })

  test('the process has no rights beyond its own, and its secrets stand in a secret', () => {
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } })
    expect(pod.automountServiceAccountToken).toBe(false)
    expect(container.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    })
    expect(container.envFrom).toEqual([{ secretRef: { name: 'weapp-auth' } }])
    for (const { name } of container.env) expect(name).not.toMatch(/SECRET|KEY|URL/)
  })

  test('names variables that there are', () => {
    const named = container.env.map(({ name }: { name: string }) => name)
    const inSecret = /^# weapp-auth\.env: (.*)$/m.exec(read('docs/deploy/kubernetes.yaml'))?.[1]?.split(', ') ?? []
    expect(inSecret.length).toBeGreaterThan(3)
    expect(variables).toEqual(expect.arrayContaining([...named, ...inSecret]))
  })
})

describe('compose.yaml', () => {
  const { services, networks } = parse(read('docs/deploy/compose.yaml'))

  test('only nginx can be reached from outside', () => {
    const open = Object.keys(services).filter((name) => services[name].ports)
    expect(open).toEqual(['nginx'])
    expect(services['weapp-auth'].environment.TRUST_PROXY).toBe(networks.inner.ipam.config[0].subnet)
  })

  test('no session is evicted, and what Redis holds outlives it', () => {
    expect(services.redis.command.join(' ')).toContain('--maxmemory-policy noeviction')
    expect(services.redis.command.join(' ')).toContain('--appendonly yes')
    expect(services.redis.volumes).toEqual(['redis:/data'])
  })

  test('the service has a read-only root, no rights, and time to stop', () => {
    expect(services['weapp-auth']).toMatchObject({ read_only: true, cap_drop: ['ALL'] })
    expect(Number.parseInt(services['weapp-auth'].stop_grace_period, 10)).toBeGreaterThan(STOP_SECONDS)
  })

  test('names variables that there are, and no secret', () => {
    const { environment } = services['weapp-auth']
    expect(variables).toEqual(expect.arrayContaining(Object.keys(environment)))
    for (const name of ['WECHAT_SECRET', 'SESSION_KEY_KEYS']) expect(environment[name]).toMatch(/^\$\{\w+:\?/)
  })
})

describe('Dockerfile', () => {
  const lines = read('docs/deploy/Dockerfile')
    .replaceAll('\\\n', ' ')
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
  const of = (instruction: string) => lines.filter((line) => line.startsWith(`${instruction} `))

  test('two stages of one base whose major version is pinned; the second builds nothing', () => {
    expect(of('FROM')).toEqual(['FROM node:24-bookworm-slim AS build', 'FROM node:24-bookworm-slim'])
    const last = lines.slice(lines.lastIndexOf('FROM node:24-bookworm-slim'))
    expect(last.filter((line) => /npm|pnpm|apt|curl|ADD /.test(line))).toEqual([])
    expect(last).toContain('COPY --from=build /app /app')
  })

  test('runs as another user than root, without a shell, with a health check', () => {
    expect(of('USER')).toEqual(['USER node'])
    expect(lines.indexOf('USER node')).toBeLessThan(lines.findIndex((line) => line.startsWith('CMD')))
    expect(of('CMD')).toEqual(['CMD ["node", "bundle/main.js"]'])
    expect(of('HEALTHCHECK')).toHaveLength(1)
  })

  test('holds no secret, and copies neither dependencies nor data of this machine', () => {
    expect(of('ARG')).toEqual([])
    expect(of('ENV').join()).not.toMatch(/SECRET|KEY|URL/)
    const ignored = read('.dockerignore').split('\n')
    expect(ignored).toEqual(expect.arrayContaining(['.git', 'data', '**/node_modules', '**/dist']))
  })
})

describe('weapp-auth.service', () => {
  const unit = read('docs/deploy/weapp-auth.service')

  test('gives the service time to stop, and restarts it after a crash', () => {
    expect(Number(/^TimeoutStopSec=(\d+)$/m.exec(unit)?.[1])).toBeGreaterThan(STOP_SECONDS)
    expect(unit).toMatch(/^Restart=on-failure$/m)
  })

  test('keeps its data in the one folder it may write', () => {
    expect(unit).toMatch(/^StateDirectory=weapp-auth$/m)
    expect(unit).toMatch(/^Environment=DATA_DIR=\/var\/lib\/weapp-auth$/m)
    expect(unit).toMatch(/^ProtectSystem=strict$/m)
  })
})
