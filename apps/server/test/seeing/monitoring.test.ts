// What docs/deploy/monitoring promises, with Prometheus' own tool and beside what the service really counts.
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { authenticate } from '@weapp-auth/fastify'
import { findProgram, unpackProgram } from '@weapp-auth/test-servers'
import { describe, expect, onTestFinished, test } from 'vitest'
import { call } from '../process.ts'
import { environment } from '../service.ts'
import { signInOverHttp, startCounted } from './counted-service.ts'

const FOLDER = join(import.meta.dirname, '../../../../docs/deploy/monitoring')
const rules = read('alerts.yaml')

describe('the alerts', () => {
  test('the alerts are valid, and each fires for its fault and none while all is well', async () => {
    expect(await promtool('check', 'rules', 'alerts.yaml')).toContain('7 rules found')
    expect(await promtool('test', 'rules', 'alerts.test.yaml')).toContain('SUCCESS')
  })

  test('every alert has a test in which it fires, and one in which it does not', () => {
    const names = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name]) => name)
    const tests = read('alerts.test.yaml')
    for (const name of names) {
      expect(tests).toMatch(new RegExp(`alertname: ${name} }`))
      expect(tests).toMatch(new RegExp(`alertname: ${name}\\n {8}exp_alerts:\\n {10}- exp_labels`))
    }
  })

  test.each(['monitoring.md', 'monitoring.zh-CN.md'])('every alert is explained in %s', (file) => {
    const text = readFileSync(join(FOLDER, '../..', file), 'utf8')
    for (const [, name] of rules.matchAll(/- alert: (\w+)/g)) expect(text).toContain(`\`${name}\``)
  })
})

test('each alert names a part of the on-call documents that there is', () => {
  const headings = (file: string) => [...readFileSync(join(FOLDER, '../..', file), 'utf8').matchAll(/^## (.*)$/gm)]
  for (const [name, file] of [
    ['runbook', 'on-call.md'],
    ['runbook_zh', 'on-call.zh-CN.md'],
  ] as const) {
    const named = [...rules.matchAll(new RegExp(`${name}: docs/${file}(?:, "(.*)"|“(.*)”)$`, 'gm'))]
    expect(named).toHaveLength([...rules.matchAll(/- alert: /g)].length)
    for (const [, en, zh] of named) expect(headings(file).map(([, heading]) => heading)).toContain(en ?? zh)
  }
})

describe('the dashboard', () => {
  const { panels } = JSON.parse(read('dashboard.json')) as { panels: { targets: { expr: string }[] }[] }
  const queries = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr))

  test('the dashboard asks what Prometheus understands', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'weapp-auth-rules-'))
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
    const file = join(folder, 'queries.json')
    const inPrometheus = (query: string) => query.replaceAll('$__rate_interval', '5m').replaceAll('$instance', '.*')
    const asRules = queries.map((query, index) => ({ record: `q${index}`, expr: inPrometheus(query) }))
    // JSON is YAML.
    writeFileSync(file, JSON.stringify({ groups: [{ name: 'queries', rules: asRules }] }))
    expect(await promtool('check', 'rules', file)).toContain(`${queries.length} rules found`)
  })

  test('the dashboard and the alerts ask for metrics and labels that the service has', async () => {
    const events = { EVENTS_URL: 'http://127.0.0.1:1/', HOOK_SECRET: 'a-secret-of-the-test' }
    const { service, text } = await startCounted({ ...(await environment('shared')), ...events }, (app) => {
      app.get('/orders', { onRequest: authenticate }, async () => ({}))
    })
    const { token } = (await signInOverHttp(service, 'alice')).data
    await call(`${service.baseUrl}/orders`, { token })
    await call(`${service.baseUrl}/orders`)
    const labelsOf = new Map<string, string>()
    for (const [, metric, labels = ''] of (await text()).matchAll(/^(\w+)(?:\{(.*)\})? \S+$/gm)) {
      labelsOf.set(String(metric), labels)
    }
    const asked = [...queries, rules].join('\n').matchAll(/\b((?:weapp_auth|nodejs|process)_\w+)(?:\{([^}]*)\})?/g)
    let found = 0
    for (const [, metric = '', matchers = ''] of asked) {
      expect([...labelsOf.keys()]).toContain(metric)
      for (const [, label] of matchers.matchAll(/(\w+)[=!]/g)) {
        // Prometheus adds these two itself.
        if (label !== 'instance' && label !== 'job') expect(labelsOf.get(metric)).toContain(`${label}="`)
      }
      found++
    }
    expect(found).toBeGreaterThan(15)
  })
})

function read(file: string): string {
  return readFileSync(join(FOLDER, file), 'utf8')
}

async function promtool(...args: string[]): Promise<string> {
  const { path, env } = findProgram(['promtool']) ?? unpackProgram(['prometheus'], 'promtool', 'usr/bin')
  const { stdout } = await promisify(execFile)(path, args, { cwd: FOLDER, env })
  return stdout
}
