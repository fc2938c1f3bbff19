import { useSignal } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useCallback, useEffect, useRef } from 'preact/hooks'
import { ApiProblem } from './api.ts'
import { say } from './text.ts'
import { TEXTS } from './texts.ts'

/** Something that the page asks the service for. */
export interface Loaded<T> {
  /** Null: it was not loaded yet. The old value stays while it is loaded again. */
  value: T | null
  problem: ApiProblem | null
  reload(): Promise<void>
}

/** Asks for something when the page shows it, and whenever `key` changes. */
export function useLoaded<T>(key: string, load: () => Promise<T>): Loaded<T> {
  const state = useSignal<{ key: string; value: T | null; problem: ApiProblem | null }>({
    key,
    value: null,
    problem: null,
  })
  /** Counts the questions. When several answers are on their way, only the answer to the last question is shown. */
  const asked = useRef(0)
  const reload = useCallback(async () => {
    const turn = ++asked.current
    const before = state.value.key === key ? state.value.value : null
    state.value = { key, value: before, problem: null }
    try {
      const value = await load()
      if (asked.current === turn) state.value = { key, value, problem: null }
    } catch (error) {
      if (asked.current === turn) state.value = { key, value: before, problem: toProblem(error) }
    }
  }, [key])
  useEffect(() => void reload(), [key])
  const current = state.value.key === key ? state.value : { value: null, problem: null }
  return { value: current.value, problem: current.problem, reload }
}

/** Any error as a problem. */
export function toProblem(error: unknown): ApiProblem {
  return error instanceof ApiProblem ? error : new ApiProblem(0, { detail: String(error) })
}

/** What was loaded, or that it is loading, or why it could not be loaded. */
export function Shown<T>({ of, children }: { of: Loaded<T>; children: (value: T) => ComponentChildren }) {
  const { value, problem, reload } = of
  return (
    <>
      {problem && <Problem of={problem} onRetry={reload} />}
      {value === null && !problem && <p class="quiet">{say(TEXTS.loading)}</p>}
      {value !== null && children(value)}
    </>
  )
}

/** Why something failed, what to do about it, and its id in the log. */
export function Problem({ of, onRetry }: { of: ApiProblem; onRetry?: () => void }) {
  const { code, message, requestId } = of
  const known = TEXTS.problems[code as keyof typeof TEXTS.problems]
  return (
    <div class="problem" role="alert">
      <p>
        {known ? say(known) : message || code}
        {known && message && <span class="quiet"> {message}</span>}
      </p>
      <p class="quiet">
        <code>{code}</code>
        {requestId && <code> requestId {requestId}</code>}
      </p>
      {onRetry && (
        <button type="button" onClick={onRetry}>
          {say(TEXTS.tryAgain)}
        </button>
      )}
    </div>
  )
}
