import { useSignal } from '@preact/signals'
import { Events } from '../event-list.tsx'
import { say } from '../text.ts'
import { TEXTS } from '../texts.ts'

const TYPES = Object.keys(TEXTS.eventTypes) as (keyof typeof TEXTS.eventTypes)[]

/** What happened to anybody, newest first. */
export function EventsView() {
  const type = useSignal<string>('')
  return (
    <section>
      <div class="headed">
        <h2>{say(TEXTS.events)}</h2>
        <label class="beside">
          {say(TEXTS.kind)}
          <select value={type.value} onChange={(event) => (type.value = event.currentTarget.value)}>
            <option value="">{say(TEXTS.allEvents)}</option>
            {TYPES.map((name) => (
              <option key={name} value={name}>
                {say(TEXTS.eventTypes[name])}
              </option>
            ))}
          </select>
        </label>
      </div>
      <Events query={type.value === '' ? '' : `type=${type.value}`} withUser />
    </section>
  )
}
