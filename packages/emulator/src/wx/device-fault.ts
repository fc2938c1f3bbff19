import type { Fault, FaultPoint } from '../faults.ts'
import { WxFailure } from './api-call.ts'
import type { DeviceContext } from './context.ts'

/** Runs one call of the device, or what a fault makes of it; `call` is told of a fault that has more to say. */
export async function withFault<Result>(
  { clock, faults }: Pick<DeviceContext, 'clock' | 'faults'>,
  point: FaultPoint,
  call: (fault: Fault | null) => Result | Promise<Result>,
): Promise<Result> {
  const fault = faults.take(point)
  if (fault?.delayMs) await new Promise<void>((resolve) => clock.setTimeout(resolve, fault.delayMs ?? 0))
  if (fault?.hang) await new Promise<never>(() => {})
  if (fault?.errMsg !== undefined) throw new WxFailure(fault.errMsg, fault.errno)
  return call(fault)
}
