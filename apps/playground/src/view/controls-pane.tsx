import { CONTROLS, type Control } from '../controls.ts'
import type { Stage } from '../stage/stage.ts'
import { say } from '../text.ts'
import { TEXTS } from '../texts.ts'

/** Everything that can be done, in groups. */
export function ControlsPane({ stage }: { stage: Stage }) {
  const { use } = stage
  if (!use) return <RecordedNote />
  return (
    <div class="controls">
      <h2>{say(TEXTS.tryIt)}</h2>
      {CONTROLS.map(({ id, label, controls }) => (
        <fieldset key={id}>
          <legend>{say(label)}</legend>
          {controls.map((control) => (
            <ControlButton key={control.id} control={control} stage={stage} use={use} />
          ))}
        </fieldset>
      ))}
      <a class="curl" href="emulator">
        {say(TEXTS.withCurl)}
      </a>
    </div>
  )
}

/** Instead of controls, where nothing runs that could be controlled. */
function RecordedNote() {
  return (
    <div class="controls recorded">
      <h2>{say(TEXTS.recordedTitle)}</h2>
      <p>{say(TEXTS.recorded)}</p>
      <pre>npm start</pre>
    </div>
  )
}

interface ControlButtonProps {
  control: Control
  stage: Stage
  use: NonNullable<Stage['use']>
}

function ControlButton({ control, stage, use }: ControlButtonProps) {
  const isOn = stage.active.value.has(control.id)
  const asSwitch = control.chip ? { role: 'switch' as const, 'aria-checked': isOn } : {}
  return (
    <button type="button" class="control" data-control={control.id} {...asSwitch} onClick={() => void use(control)}>
      {control.chip && <span class="knob" aria-hidden="true" />}
      {say(control.label)}
    </button>
  )
}
