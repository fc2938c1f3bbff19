import type { Player } from '../player.ts'
import type { Stage } from '../stage/stage.ts'
import type { View } from '../state.ts'

/** What the large parts of the page share. */
export interface PageProps {
  stage: Stage
  player: Player
  view: View
}
