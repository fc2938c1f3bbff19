import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test, vi } from 'vitest'
import { signIn, startProcess } from '../process.ts'
import { environment } from '../service.ts'
import { makeTokens } from '../service-api/service-api.ts'

test('a service with metrics, traces and documents shows all of them, and a collector that hangs does not keep it from stopping', async () => {
  let isHanging = false
  const received: string[] = []
  const collector = createServer((request, response) => {
    received.push(String(request.url))
    request.resume()
    if (!isHanging) response.end()
  })
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    collector.closeAllConnections()
    collector.close()
  })
  const { tokens, text } = makeTokens()
  const service = startProcess({
    ...(await environment('embedded')),
    WECHAT_EMULATOR: 'on',
    SERVICE_PORT: '0',
    SERVICE_TOKENS: text,
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${(collector.address() as AddressInfo).port}`,
    OTEL_BSP_SCHEDULE_DELAY: '100',
  })
  await signIn(await service.address, 'alice')
  const found = await vi.waitFor(
    () => /the service API listens.* (http:\S+)/.exec(service.output()) ?? expect.fail(),
    30_000,
  )
  const authorization = `Bearer ${tokens.read}`
  const metrics = await (await fetch(`${found[1]}/metrics`, { headers: { authorization } })).text()
  expect(metrics).toContain('weapp_auth_sign_ins_total{outcome="signed_in"} 1\n')
  expect(metrics).toContain('weapp_auth_call_seconds_count{target="users",operation="signIn",outcome="ok"} 1\n')
  expect(await (await fetch(`${found[1]}/docs`)).text()).toContain('swagger-ui')
  await vi.waitFor(() => expect(received).toContain('/v1/traces'), 30_000)

  isHanging = true
  await signIn(await service.address, 'bob')
  service.child.kill('SIGTERM')
  expect(await service.ended).toBe(0)
})
