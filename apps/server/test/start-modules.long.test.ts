import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { startProcess } from './process.ts'
import { environment } from './service.ts'

/**
 * What a start may load on embedded defaults: files of the bundle, which has taken in what every start loads. Each hundred files from
 * node_modules take about 50 ms and 3 MB. What only some configurations need is loaded on demand: `await import('./metrics.ts')` where
 * the configuration asks for it.
 */
const MAX_MODULES = 40

const COUNT_MODULES = fileURLToPath(new URL('../bench/count-modules.mjs', import.meta.url))

test(`a start with nothing but a mini-program configured loads at most ${MAX_MODULES} modules`, async () => {
  const service = startProcess({
    ...(await environment('embedded')),
    WECHAT_APPID: 'wx0123456789abcdef',
    WECHAT_SECRET: 'secret',
    NODE_OPTIONS: `--import=${COUNT_MODULES}`,
  })
  await service.listening
  service.child.kill('SIGTERM')
  await service.ended
  await expect.poll(service.output).toMatch(/^modules: \{.*\}$/m)
  const counts: Record<string, number> = JSON.parse(/^modules: (.*)$/m.exec(service.output())?.[1] ?? '{}')
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0)
  const largest = Object.entries(counts).slice(0, 12)
  expect(total, `most modules: ${largest.map((entry) => entry.join(' ')).join(', ')}`).toBeLessThanOrEqual(MAX_MODULES)
  // Drivers and features that this configuration does not ask for.
  const onDemand = ['ioredis', 'pg', 'mysql2', 'undici', 'sharp', 's3mini', 'ws', 'typebox', 'packages/emulator']
  expect(onDemand.filter((name) => name in counts)).toEqual([])
})
