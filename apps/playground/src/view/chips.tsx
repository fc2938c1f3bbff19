import { CONTROLS } from '../controls.ts'
import type { Stage } from '../stage/stage.ts'
import { say } from '../text.ts'
import { fill, TEXTS } from '../texts.ts'

/** What is switched on, each with a way to switch it off. */
export function Chips({ stage }: { stage: Stage }) {
  const on = CONTROLS.flatMap(({ controls }) => controls).filter(({ id }) => stage.active.value.has(id))
  if (on.length === 0) return null
  return (
    <ul class="chips">
      {on.map((control) => {
        const name = say(control.chip ?? control.label)
        return (
          <li key={control.id}>
            {name}
            <button
              type="button"
              aria-label={fill(say(TEXTS.isOn), { name })}
              onClick={() => void stage.use?.(control)}
            >
              ×
            </button>
          </li>
        )
      })}
    </ul>
  )
}
