import { once } from 'node:events'
import { createServer } from 'node:net'
import { describe, expect, test } from 'vitest'
import { startProcess } from './process.ts'
import { environment } from './service.ts'
import { EMULATOR, serviceProcess } from './service-process.ts'

// On shared stores, and everything that is wrong at the start: `main.long.test.ts`.
describe('the service process, stores embedded', () => serviceProcess('embedded'))

test('starting on a port in use is one clear line', async () => {
  const holder = createServer().listen(0, '127.0.0.1')
  await once(holder, 'listening')
  const { port } = holder.address() as { port: number }
  const service = startProcess({ ...(await environment('embedded')), ...EMULATOR, PORT: `${port}` })
  expect(await service.ended).toBe(1)
  expect(service.output()).toMatch(new RegExp(`^weapp-auth: port ${port} is in use: .*set PORT.*$`, 'm'))
  const chinese = startProcess({ ...(await environment('embedded')), ...EMULATOR, PORT: `${port}` }, ['--lang', 'zh'])
  expect(await chinese.ended).toBe(1)
  expect(chinese.output()).toMatch(new RegExp(`^weapp-auth: 端口 ${port} 已被占用：`, 'm'))
  holder.close()
})
