import { effect } from '@preact/signals'
import { render } from 'preact'
import { createPlayer, type Player } from './player.ts'
import { findScenario } from './scenarios.ts'
import type { Stage } from './stage/stage.ts'
import { createView, type View } from './state.ts'
import { language, say } from './text.ts'
import { TEXTS } from './texts.ts'
import { App } from './view/app.tsx'
import { ArrowHeads } from './view/diagram.tsx'

/** Draws the page around the stage that `setUp` resolves with, and plays the story that the address names. */
export async function openPage<S extends Stage>(
  setUp: () => Promise<S>,
): Promise<{ stage: S; player: Player; view: View }> {
  const page = document.getElementById('page') as HTMLElement
  effect(() => {
    document.documentElement.lang = language.value === 'zh' ? 'zh-CN' : 'en'
    document.title = `weapp-auth · ${say(TEXTS.title)}`
  })
  try {
    const stage = await setUp()
    const player = createPlayer(stage)
    const view = createView(stage, player)
    render(
      <>
        <ArrowHeads />
        <App stage={stage} player={player} view={view} />
      </>,
      page,
    )
    const playHash = async () => {
      const id = location.hash.slice(1)
      view.selectedKey.value = null
      if (await player.start(findScenario(id) ? id : 'first')) await player.play()
    }
    addEventListener('hashchange', () => void playHash())
    void playHash()
    return { stage, player, view }
  } catch (error) {
    page.textContent = `${say(TEXTS.notLoaded)}${error instanceof Error ? error.message : String(error)}`
    throw error
  }
}
