import { channel } from 'node:diagnostics_channel'
import type { ProblemCode } from '@weapp-auth/shared'
import type { FastifyRequest } from 'fastify'
import { ApiError } from './api-error.ts'

/** A call of the service to something else, when it is over. Nothing secret or personal is in it, and each text is one of a few. */
export interface FinishedCall {
  /** What was called: `wechat`, or a store. */
  target: string
  /** Which of its APIs or methods. */
  operation: string
  /** `ok`; `refused` when WeChat answered an errcode; else the code of the problem. */
  outcome: 'ok' | 'refused' | ProblemCode
  /** WeChat's number for how it went, 0 for success. Null: there was no answer, or it was another target. */
  errcode: number | null
  /** When it began, on the clock of `performance.now()`. */
  startedAtMs: number
  durationMs: number
}

/** An error that was answered. */
export interface AnsweredProblem {
  request: FastifyRequest
  code: ProblemCode
}

/**
 * The names of the channels on which this package tells what happens, for `subscribe` of `node:diagnostics_channel`: metrics and
 * traces are made of it. The first has a {@link FinishedCall} for each message, the second an {@link AnsweredProblem}. While
 * nobody subscribes nothing is measured or made.
 */
export const CHANNELS = { calls: 'weapp-auth:call', problems: 'weapp-auth:problem' } as const

const calls = channel(CHANNELS.calls)
const answeredProblems = channel(CHANNELS.problems)

/** What {@link observeCall} says of a call. */
export type ObservedCall = Pick<FinishedCall, 'target' | 'operation'>

/**
 * Runs a call and tells how it went.
 *
 * @param errcodeOf reads WeChat's errcode from its answer
 */
export function observeCall<T>(
  call: ObservedCall,
  run: () => Promise<T>,
  errcodeOf?: (answer: T) => number,
): Promise<T> {
  return calls.hasSubscribers ? runObserved(call, run, errcodeOf) : run()
}

/** Tells which problem a request was answered with. */
export function tellProblem(problem: AnsweredProblem): void {
  answeredProblems.publish(problem)
}

async function runObserved<T>(
  call: ObservedCall,
  run: () => Promise<T>,
  errcodeOf: ((answer: T) => number) | undefined,
): Promise<T> {
  const startedAtMs = performance.now()
  try {
    const answer = await run()
    const errcode = errcodeOf ? errcodeOf(answer) : null
    tellCall(call, startedAtMs, errcode === null || errcode === 0 ? 'ok' : 'refused', errcode)
    return answer
  } catch (error) {
    tellCall(call, startedAtMs, error instanceof ApiError ? error.code : 'internal', null)
    throw error
  }
}

function tellCall(
  { target, operation }: ObservedCall,
  startedAtMs: number,
  outcome: FinishedCall['outcome'],
  errcode: number | null,
): void {
  const durationMs = performance.now() - startedAtMs
  calls.publish({ target, operation, outcome, errcode, startedAtMs, durationMs } satisfies FinishedCall)
}
