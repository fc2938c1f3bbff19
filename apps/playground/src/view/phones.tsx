import { useEffect, useRef } from 'preact/hooks'
import type { Stage, StagePhone } from '../stage/stage.ts'
import { say } from '../text.ts'
import { fill, TEXTS } from '../texts.ts'

/** The phones, side by side. */
export function Phones({ stage }: { stage: Stage }) {
  const shown = stage.shown.value
  const isComparing = shown.some(({ track }) => track === 'theirs')
  return (
    <div class="phones">
      {shown.map((entry) => (
        <PhoneFrame key={entry.phone.name} entry={entry} isAlone={shown.length === 1} isComparing={isComparing} />
      ))}
    </div>
  )
}

function PhoneFrame({ entry, isAlone, isComparing }: { entry: StagePhone; isAlone: boolean; isComparing: boolean }) {
  const { name, track, phone } = entry
  const frame = useRef<HTMLIFrameElement>(null)
  useEffect(() => {
    if (frame.current) phone.attach(frame.current)
  }, [phone])
  const { path, depth, toast } = phone.chrome.value
  const { tabs, titles } = phone.app
  // Short enough for two of them side by side.
  const title = isComparing
    ? `${name} · ${say(track === 'theirs' ? TEXTS.theirsShort : TEXTS.ours)}`
    : fill(say(TEXTS.phone), { name })
  const isTab = tabs.some((tab) => tab.path === path)
  const act = (action: Promise<void> | undefined) => void action?.catch((error: unknown) => console.warn(error))
  return (
    <figure class="phone">
      <figcaption>{isAlone ? '' : title}</figcaption>
      <div class="device">
        <div class="bar">
          {depth > 1 ? (
            <button
              type="button"
              class="arrow"
              aria-label={say(TEXTS.backArrow)}
              onClick={() => act(phone.running()?.navigateBack())}
            >
              ‹
            </button>
          ) : (
            <span />
          )}
          <strong>{titles[path] ?? ''}</strong>
          <span class="capsule" aria-hidden="true">
            ••• <i /> ◎
          </span>
        </div>
        <iframe ref={frame} title={`${title} · ${say(TEXTS.openPage)}`} />
        {toast && <div class="toast">{toast}</div>}
        {isTab && (
          <nav class="tab-bar" aria-label={title}>
            {tabs.map((tab) => (
              <button
                type="button"
                key={tab.path}
                aria-current={tab.path === path ? 'page' : undefined}
                onClick={() => act(phone.running()?.switchTab(tab.path))}
              >
                {tab.icon && <img alt="" src={tab.path === path ? tab.selectedIcon : tab.icon} />}
                {tab.text}
              </button>
            ))}
          </nav>
        )}
      </div>
    </figure>
  )
}
