import { CONTROLS, type Control } from '../controls.ts'
import type { Stage } from '../stage/stage.ts'
import { say } from '../text.ts'
import { TEXTS } from '../texts.ts'

/** Everything that can be done, in groups. */
export function ControlsPane({ stage }: { stage: Stage }) {
  return (
    <div class="controls">
      <h2>{say(TEXTS.tryIt)}</h2>
      {CONTROLS.map(({ id, label, controls }) => (
        <fieldset key={id}>
          <legend>{say(label)}</legend>
          {controls.map((control) => (
            <ControlButton key={control.id} control={control} stage={stage} />
          ))}
        </fieldset>
      ))}
      <a class="curl" href="emulator">
        {say(TEXTS.withCurl)}
      </a>
    </div>
  )
}

function ControlButton({ control, stage }: { control: Control; stage: Stage }) {
  const isOn = stage.active.value.has(control.id)
  const asSwitch = control.chip ? { role: 'switch' as const, 'aria-checked': isOn } : {}
  return (
    <button
      type="button"
      class="control"
      data-control={control.id}
      {...asSwitch}
      onClick={() => void stage.use(control)}
    >
      {control.chip && <span class="knob" aria-hidden="true" />}
      {say(control.label)}
    </button>
  )
}
