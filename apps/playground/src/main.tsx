import { failedChecks } from './check.ts'
import { openPage } from './open.tsx'
import { fetchBuiltApp } from './stage/built-app.ts'
import { createStage } from './stage/stage.ts'
import { openBackstage } from './stage/wechat.ts'
import tutorialAuth from './tutorial/auth.js.txt'

const { stage, player, view } = await openPage(async () => {
  const [app, backstage] = await Promise.all([fetchBuiltApp(), openBackstage()])
  const theirs = { ...app, files: { ...app.files, 'auth.js': tutorialAuth } }
  return createStage({ backstage, apps: { ours: app, theirs } })
})

// For tests, for the recorder and for the curious: what the page itself works with.
Object.assign(globalThis, {
  playground: { stage, player, view, failedChecks: () => failedChecks(player.scenario.value, stage) },
})
