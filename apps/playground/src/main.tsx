import { effect } from '@preact/signals'
import { render } from 'preact'
import { failedChecks } from './check.ts'
import { createPlayer } from './player.ts'
import { findScenario } from './scenarios.ts'
import { fetchBuiltApp } from './stage/built-app.ts'
import { createStage } from './stage/stage.ts'
import { openBackstage } from './stage/wechat.ts'
import { createView } from './state.ts'
import { language, say } from './text.ts'
import { TEXTS } from './texts.ts'
import tutorialAuth from './tutorial/auth.js.txt'
import { App } from './view/app.tsx'
import { ArrowHeads } from './view/diagram.tsx'

const page = document.getElementById('page') as HTMLElement

effect(() => {
  document.documentElement.lang = language.value === 'zh' ? 'zh-CN' : 'en'
  document.title = `weapp-auth · ${say(TEXTS.title)}`
})

async function open(): Promise<void> {
  const [app, backstage] = await Promise.all([fetchBuiltApp(), openBackstage()])
  const theirs = { ...app, files: { ...app.files, 'auth.js': tutorialAuth } }
  const stage = createStage({ backstage, apps: { ours: app, theirs } })
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
    await player.start(findScenario(id) ? id : 'first')
    await player.play()
  }
  addEventListener('hashchange', () => void playHash())
  // For tests and for the curious: what the page itself works with.
  Object.assign(globalThis, {
    playground: { stage, player, view, failedChecks: () => failedChecks(player.scenario.value, stage) },
  })
  await playHash()
}

open().catch((error: unknown) => {
  page.textContent = `${say(TEXTS.notLoaded)}${error instanceof Error ? error.message : String(error)}`
  throw error
})
