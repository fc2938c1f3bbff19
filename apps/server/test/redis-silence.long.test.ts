import { startRedis } from '@weapp-auth/test-servers'
import { expect, onTestFinished, test } from 'vitest'
import { startLoaded } from './load.ts'
import { environment, isAvailable } from './service.ts'

test.skipIf(!isAvailable('shared'))(
  'a sign-in, which asks Redis several times, is told within 0.7 s that it is frozen, however many ask',
  async () => {
    const redis = await startRedis()
    onTestFinished(() => redis.stop())
    const service = await startLoaded({ ...(await environment('embedded')), REDIS_URL: redis.url })
    redis.signal('SIGSTOP')
    onTestFinished(() => redis.signal('SIGCONT'))
    // Each caller asks again as soon as it is answered: whatever was sent before, some begin at the worst moment.
    const callers = Array.from({ length: 16 }, async () => [await service.signIn(), await service.signIn()])
    const answers = (await Promise.all(callers)).flat()
    for (const answer of answers) expect(answer).toMatchObject({ status: 503, code: 'store_unavailable' })
    expect(Math.max(...answers.map(({ ms }) => ms))).toBeLessThan(700)
    redis.signal('SIGCONT')
    await service.recovered()
    await service.settle()
  },
)
