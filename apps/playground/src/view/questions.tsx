import type { Player } from '../player.ts'
import { QUESTIONS } from '../questions.ts'
import { findScenario } from '../scenarios.ts'
import { say } from '../text.ts'
import { TEXTS } from '../texts.ts'

/** What is in the place of a row's details while no row is chosen. */
export function Questions({ player }: { player: Player }) {
  /** The address of the story that is on the page does not change by a click. */
  const again = async (story: string) => {
    if (location.hash === `#${story}` && (await player.start(story))) await player.play()
  }
  return (
    <>
      <h2>
        {say(TEXTS.title)} <small>{say(TEXTS.chooseRow)}</small>
      </h2>
      <dl class="questions">
        {QUESTIONS.map(({ ask, answer, story }) => (
          <div key={story}>
            <dt>{say(ask)}</dt>
            <dd>{say(answer)}</dd>
            <dd>
              <a href={`#${story}`} onClick={() => void again(story)}>
                {say(findScenario(story)?.title ?? '')}
              </a>
            </dd>
          </div>
        ))}
      </dl>
    </>
  )
}
