import { signal } from '@preact/signals'
import { SCENARIOS } from '../scenarios.ts'
import { language, say, setLanguage } from '../text.ts'
import { TEXTS } from '../texts.ts'
import type { PageProps } from './page-props.ts'

const scheme = signal(localStorage.getItem('playground-scheme') ?? '')
applyScheme()

function applyScheme(): void {
  document.documentElement.dataset.scheme = scheme.value
}

function otherScheme(): void {
  const isDark = scheme.value ? scheme.value === 'dark' : matchMedia('(prefers-color-scheme: dark)').matches
  scheme.value = isDark ? 'light' : 'dark'
  localStorage.setItem('playground-scheme', scheme.value)
  applyScheme()
}

export function TopBar({ stage, player, view }: PageProps) {
  const scenario = player.scenario.value
  const isAtEnd = player.step.value >= scenario.steps.length
  const select = (id: string) => {
    location.hash = id
  }
  const compare = async (isComparing: boolean) => {
    if (stage.comparing.value === isComparing) return
    stage.comparing.value = isComparing
    view.selectedKey.value = null
    await player.playAgain()
  }
  const canCompare = stage.canCompare(scenario)
  return (
    <header class="top">
      <h1>weapp-auth</h1>
      <label class="scenario">
        <span class="hidden">{say(TEXTS.scenario)}</span>
        <select value={scenario.id} onChange={(event) => select(event.currentTarget.value)}>
          {SCENARIOS.map(({ id, title }) => (
            <option key={id} value={id}>
              {say(title)}
            </option>
          ))}
        </select>
      </label>
      <div class="player">
        <IconButton name={say(TEXTS.toStart)} icon="M4 3v10M13 3 6 8l7 5z" onClick={() => void player.playAgain()} />
        <IconButton
          name={say(TEXTS.back)}
          icon="M11 3 4 8l7 5z"
          isDisabled={player.step.value < 2}
          onClick={() => player.back()}
        />
        {player.isPlaying.value ? (
          <IconButton name={say(TEXTS.pause)} icon="M5 3v10M11 3v10" onClick={() => player.pause()} />
        ) : (
          <IconButton
            name={say(isAtEnd ? TEXTS.playAgain : TEXTS.play)}
            icon="M4 2v12l9-6z"
            onClick={() => void (isAtEnd ? player.playAgain() : player.play())}
          />
        )}
        <IconButton
          name={say(TEXTS.forward)}
          icon="m5 3 7 5-7 5z"
          isDisabled={isAtEnd}
          onClick={() => void player.forward()}
        />
        <IconButton
          name={say(TEXTS.toEnd)}
          icon="m3 3 7 5-7 5zM12 3v10"
          isDisabled={isAtEnd}
          onClick={() => void player.last()}
        />
        <label>
          <span class="hidden">{say(TEXTS.speed)}</span>
          <select
            value={String(player.speed.value)}
            onChange={(event) => (player.speed.value = Number(event.currentTarget.value))}
          >
            {[0.5, 1, 2, 4].map((speed) => (
              <option key={speed} value={String(speed)}>{`×${speed}`}</option>
            ))}
          </select>
        </label>
      </div>
      <fieldset class="segments" aria-label={say(TEXTS.code)}>
        <button type="button" aria-pressed={!stage.comparing.value} onClick={() => void compare(false)}>
          {say(TEXTS.ours)}
        </button>
        <button
          type="button"
          aria-pressed={stage.comparing.value}
          disabled={!canCompare}
          title={canCompare ? undefined : say(TEXTS.notCompared)}
          onClick={() => void compare(true)}
        >
          {say(TEXTS.theirs)}
        </button>
      </fieldset>
      <span class="grow" />
      <button
        type="button"
        class="plain"
        lang={language.value === 'zh' ? 'en' : 'zh-CN'}
        onClick={() => setLanguage(language.value === 'zh' ? 'en' : 'zh')}
      >
        {language.value === 'zh' ? 'English' : '中文'}
      </button>
      <IconButton name={say(TEXTS.scheme)} icon="M8 2a6 6 0 1 0 0 12zM8 2a6 6 0 0 1 0 12" onClick={otherScheme} />
    </header>
  )
}

function IconButton({
  name,
  icon,
  isDisabled = false,
  onClick,
}: {
  name: string
  icon: string
  isDisabled?: boolean
  onClick: () => void
}) {
  return (
    <button type="button" class="icon" aria-label={name} title={name} disabled={isDisabled} onClick={onClick}>
      <svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
        <path d={icon} />
      </svg>
    </button>
  )
}
