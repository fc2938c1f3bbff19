import { useSignal } from '@preact/signals'
import { ApiProblem, call, type User, userPath } from '../api.ts'
import { type Guess, guessesOf, mayBeOpenid } from '../guesses.ts'
import { Problem, toProblem } from '../loaded.tsx'
import { go, userHash } from '../route.ts'
import { say } from '../text.ts'
import { TEXTS } from '../texts.ts'

interface Outcome {
  users: User[]
  tried: string[]
}

/** One field for any id, number or openid that the person on call was given. */
export function FindView() {
  const outcome = useSignal<Outcome | null>(null)
  const problem = useSignal<ApiProblem | null>(null)
  const busy = useSignal(false)

  async function search(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    const text = String(new FormData(event.target as HTMLFormElement).get('text')).trim()
    if (text === '' || busy.value) return
    busy.value = true
    problem.value = outcome.value = null
    try {
      const found = await findUsers(guessesOf(text, mayBeOpenid(text) ? await listAppids() : []))
      const [only] = found.users
      if (found.users.length === 1 && only) go(userHash(only.id))
      else outcome.value = found
    } catch (error) {
      problem.value = toProblem(error)
    } finally {
      busy.value = false
    }
  }

  return (
    <section>
      <h2>{say(TEXTS.find)}</h2>
      <form class="search" onSubmit={search}>
        <label>
          {say(TEXTS.findLabel)}
          <input name="text" required autofocus autocomplete="off" spellcheck={false} maxLength={128} />
        </label>
        <button type="submit" class="main" disabled={busy.value}>
          {say(TEXTS.search)}
        </button>
      </form>
      <p class="quiet">{say(TEXTS.findHelp)}</p>
      {problem.value && <Problem of={problem.value} />}
      <div aria-live="polite">{outcome.value && <Found of={outcome.value} />}</div>
    </section>
  )
}

function Found({ of: { users, tried } }: { of: Outcome }) {
  if (users.length === 0) {
    return (
      <div class="empty">
        <p>{say(TEXTS.notFound)}</p>
        <p class="quiet">{say(TEXTS.notFoundHelp, { tried: tried.join(say(SEPARATOR)) })}</p>
      </div>
    )
  }
  return (
    <>
      <p>{say(TEXTS.severalFound)}</p>
      <ul>
        {users.map(({ id, externalId, profile }) => (
          <li key={id}>
            <a href={userHash(id)}>
              <code>{id}</code>
            </a>{' '}
            {externalId} {profile.nickname}
          </li>
        ))}
      </ul>
    </>
  )
}

const SEPARATOR = { zh: '、', en: ', ' }

/** Looks the text up in each of these ways. */
async function findUsers(guesses: readonly Guess[]): Promise<Outcome> {
  const found = await Promise.all(guesses.map(find))
  const users = new Map(found.flatMap((user) => (user ? [[user.id, user] as const] : [])))
  return { users: [...users.values()], tried: guesses.map(({ as, appid }) => say(TEXTS[as], { appid: appid ?? '' })) }
}

async function find({ as, body }: Guess): Promise<User | null> {
  try {
    const asked =
      as === 'asId'
        ? call<{ user: User }>('GET', userPath(body.id as string))
        : call<{ user: User }>('POST', '/users/find', body)
    return (await asked).user
  } catch (error) {
    // 400: the text cannot be such an id, so nobody has it.
    if (error instanceof ApiProblem && (error.status === 404 || error.status === 400)) return null
    throw error
  }
}

async function listAppids(): Promise<string[]> {
  const { apps } = await call<{ apps: { appid: string }[] }>('GET', '/health')
  return apps.map(({ appid }) => appid)
}
