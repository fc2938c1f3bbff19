import { useSignal } from '@preact/signals'
import { type ApiProblem, call, token } from '../api.ts'
import { Problem, toProblem } from '../loaded.tsx'
import { say } from '../text.ts'
import { TEXTS } from '../texts.ts'

/** Asks for a service token, and tries it before it is kept. */
export function TokenView() {
  const problem = useSignal<ApiProblem | null>(null)
  const busy = useSignal(false)

  async function enter(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    const typed = String(new FormData(event.target as HTMLFormElement).get('token')).trim()
    if (busy.value) return
    busy.value = true
    try {
      await call('GET', '/users?limit=1', undefined, typed)
      token.value = typed
    } catch (error) {
      problem.value = toProblem(error)
    } finally {
      busy.value = false
    }
  }

  return (
    <form class="token" onSubmit={enter}>
      <h2>{say(TEXTS.tokenTitle)}</h2>
      <label>
        {say(TEXTS.token)}
        <input name="token" type="password" required autocomplete="off" spellcheck={false} />
      </label>
      <p class="quiet">{say(TEXTS.tokenHelp)}</p>
      {problem.value && <Problem of={problem.value} />}
      <button type="submit" class="main" disabled={busy.value}>
        {say(TEXTS.enter)}
      </button>
    </form>
  )
}
