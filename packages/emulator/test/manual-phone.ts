import { type Clock, createClock } from '../src/clock.ts'
import { createWorld, DEMO_APP, type World } from '../src/world.ts'
import { createDevice, type Device, type DeviceOptions } from '../src/wx/device.ts'
import { localLink } from '../src/wx/link.ts'
import type { Transport, TransportRequest, TransportResponse } from '../src/wx/transport.ts'

export interface ManualPhone {
  device: Device
  wx: Device['wx']
  clock: Clock
  world: World
  /** Requests on their way, each to be answered by hand. */
  sent: SentRequest[]
}

export interface SentRequest extends TransportRequest {
  answer(response?: Partial<TransportResponse>): void
  refuse(error: unknown): void
}

/** A phone whose clock stands still and whose requests are answered by the test. */
export function createManualPhone(options: Partial<DeviceOptions> = {}): ManualPhone {
  const clock = createClock({ startMs: 1_700_000_000_000, running: false })
  const world = createWorld({ clock })
  const sent: SentRequest[] = []
  const send: Transport = (request) =>
    new Promise((resolve, reject) => {
      const answer = (response: Partial<TransportResponse> = {}) =>
        resolve({ statusCode: 200, header: {}, body: '', ...response })
      sent.push({ ...request, answer, refuse: reject })
    })
  const device = createDevice({ link: localLink(world), appid: DEMO_APP.appid, clock, send, ...options })
  return { device, wx: device.wx, clock, world, sent }
}

interface AnyCallbacks<Result> {
  success?: (result: Result) => void
  fail?: (failure: { errMsg: string; errno?: number }) => void
}

/** How a call with callbacks ended. */
export function outcomeOf<Result = unknown>(call: (callbacks: AnyCallbacks<Result>) => unknown): Promise<Result> {
  return new Promise((resolve, reject) => call({ success: resolve, fail: reject }))
}

/** Lets everything happen that waits for neither a clock nor a server. */
export async function turns(count = 10): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setImmediate(resolve))
}
