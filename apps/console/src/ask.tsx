import { signal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import type { ApiProblem } from './api.ts'
import { Problem, toProblem } from './loaded.tsx'
import { say } from './text.ts'
import { TEXTS } from './texts.ts'

/** A question before something that cannot be taken back. */
interface Question {
  title: string
  /** What will happen, one sentence for each consequence. */
  sentences: readonly string[]
  /** The text of the button that does it. */
  action: string
  /** Whether a reason must be given, beside which a time may be. */
  needsReason?: boolean
  /** Called when the user agrees. When it rejects, the error is shown and the question stays open. */
  run(answer: { reason: string; until: string }): Promise<void>
}

const question = signal<Question | null>(null)
const busy = signal(false)
const problem = signal<ApiProblem | null>(null)

/** Opens a question. What it asks about is done only after the answer. */
export function ask(next: Question): void {
  problem.value = null
  question.value = next
}

/** Shows the open question. The button that cancels has the focus, and the one that acts stands apart from it. */
export function Dialog() {
  const dialog = useRef<HTMLDialogElement>(null)
  const form = useRef<HTMLFormElement>(null)
  const open = question.value
  useEffect(() => {
    if (open) dialog.current?.showModal()
    else if (dialog.current?.open) closeDialog(dialog.current)
    form.current?.reset()
  }, [open])

  async function submit(event: Event): Promise<void> {
    event.preventDefault()
    if (!open || busy.value || !form.current) return
    const fields = new FormData(form.current)
    const until = String(fields.get('until') ?? '')
    busy.value = true
    try {
      await open.run({
        reason: String(fields.get('reason') ?? '').trim(),
        until: until === '' ? '' : new Date(until).toISOString(),
      })
      if (question.value === open) question.value = null
    } catch (error) {
      problem.value = toProblem(error)
    } finally {
      busy.value = false
    }
  }

  return (
    <dialog
      ref={dialog}
      aria-labelledby="question"
      onCancel={(event) => busy.value && event.preventDefault()}
      onClose={() => (question.value = null)}
    >
      {open && (
        <form ref={form} onSubmit={submit}>
          <h2 id="question">{open.title}</h2>
          {open.sentences.map((sentence) => (
            <p key={sentence}>{sentence}</p>
          ))}
          {open.needsReason && (
            <>
              <label>
                {say(TEXTS.reason)}
                <input name="reason" required maxLength={256} autocomplete="off" />
              </label>
              <label>
                {say(TEXTS.until)}
                <input name="until" type="datetime-local" />
              </label>
            </>
          )}
          {problem.value && <Problem of={problem.value} />}
          <div class="answers">
            <button type="button" autofocus disabled={busy.value} onClick={() => (question.value = null)}>
              {say(TEXTS.cancel)}
            </button>
            <button type="submit" class="danger" disabled={busy.value}>
              {open.action}
            </button>
          </div>
        </form>
      )}
    </dialog>
  )
}

/** The browser gives the focus back to the button that asked. It may be gone with what was ended: then the page has it. */
function closeDialog(dialog: HTMLDialogElement): void {
  dialog.close()
  const main = document.querySelector('main')
  if (!main?.contains(document.activeElement)) main?.focus()
}
