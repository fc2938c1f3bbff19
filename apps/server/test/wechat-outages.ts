import type { Fault } from '@weapp-auth/emulator'
import { expect, test } from 'vitest'
import { startLoaded } from './load.ts'
import { environment } from './service.ts'

export const BAD_RESPONSE = { status: 502, code: 'wechat_bad_response' }

export interface Outage {
  name: string
  fault: Fault
  status: number
  code: string
  /** How long a sign-in waits; default: not at all. */
  seconds?: number
}

/** Signs in while WeChat is in trouble, and after. */
export function wechatOutages(outages: readonly Outage[]): void {
  test.each(outages)(
    'that $name: signing in says so, whoever is signed in notices nothing, and it is over when it is over',
    async ({ fault, status, code, seconds = 0 }) => {
      const service = await startLoaded(await environment('embedded'))
      service.world.faults.set('jscode2session', fault)
      await expect.poll(() => service.signIns.filter((each) => each.code === code).length).toBeGreaterThan(2)
      service.world.faults.clear()
      await service.recovered()
      await service.settle({ status, code, retryAfter: null, withinMs: seconds * 1000 + 2_000 })
      expect(service.answers.filter(({ status }) => status !== 204)).toEqual([])
      for (const { exchanges } of service.signIns) expect(exchanges).toBe(1)
    },
  )
}
