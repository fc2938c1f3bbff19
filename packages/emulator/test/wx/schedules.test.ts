import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createManualPhone, turns } from '../manual-phone.ts'

const calls = ['login', 'checkSession', 'setStorage', 'request'] as const
const events = ['hide', 'hide', 'show', 'launch', 'offline', 'online'] as const
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('call' as const), api: fc.constantFrom(...calls) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('answer' as const), which: fc.nat() }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('advance' as const), ms: fc.constantFrom(1, 999, 4_999, 5_000, 60_000) }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constantFrom(...events) }) },
)

test('whatever happens to the phone, a call ends once, later, in its own life and never while suspended', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 40, size: 'max' }),
      fc.array(fc.nat(3), { maxLength: 40 }),
      async (steps, pauses) => {
        const { wx, device, clock, sent } = createManualPhone()
        device.faults.set('wx.checkSession', { delayMs: 1_000 })
        let life = 0
        const made: { life: number; ends: string[] }[] = []

        function call(api: (typeof calls)[number]): void {
          const record = { life, ends: [] as string[] }
          made.push(record)
          let returned = false
          const end = (name: string) => () => {
            expect({ returned, life, state: device.lifecycle.state }).toMatchObject({
              returned: true,
              life: record.life,
            })
            expect(device.lifecycle.state).not.toBe('suspended')
            record.ends.push(name)
          }
          const callbacks = { success: end('end'), fail: end('end'), complete: end('complete') }
          if (api === 'request') wx.request({ url: 'https://api.example.com', ...callbacks })
          else if (api === 'setStorage') wx.setStorage({ key: 'a', data: 1, ...callbacks })
          else wx[api](callbacks)
          returned = true
        }

        for (const [index, next] of steps.entries()) {
          if (next.kind === 'call') call(next.api)
          else if (next.kind === 'answer') sent[next.which % sent.length]?.answer()
          else if (next.kind === 'advance') clock.advance(next.ms)
          else if (next.kind === 'offline' || next.kind === 'online') device.network.setOnline(next.kind === 'online')
          else {
            if (next.kind === 'launch') life++
            device.lifecycle[next.kind]()
          }
          await turns(pauses[index] ?? 0)
        }

        device.lifecycle.show()
        for (let round = 0; round < 8; round++) {
          await turns(8)
          clock.advance(60_000)
        }
        await device.idle()
        for (const { life: calledIn, ends } of made) {
          if (calledIn === life || ends.length > 0) expect(ends).toEqual(['end', 'complete'])
        }
        expect(device.ledger.count('app.error')).toBe(0)
      },
    ),
    { numRuns: 300 },
  )
})
