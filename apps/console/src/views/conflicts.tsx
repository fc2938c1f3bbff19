import { useSignal } from '@preact/signals'
import { call, type User } from '../api.ts'
import { ask } from '../ask.tsx'
import { Shown, useLoaded } from '../loaded.tsx'
import { userHash } from '../route.ts'
import { say, sayTime } from '../text.ts'
import { TEXTS } from '../texts.ts'

interface Conflict {
  id: string
  at: string
  users: User[]
}

const PAGE_SIZE = 20

/** Pairs of users with one unionid, side by side. A pair that was decided makes room for the next one. */
export function ConflictsView() {
  const limit = useSignal(PAGE_SIZE)
  const conflicts = useLoaded('conflicts', async () => {
    return (await call<{ conflicts: Conflict[] }>('GET', `/conflicts?limit=${limit.value}`)).conflicts
  })

  function loadMore(): void {
    limit.value += PAGE_SIZE
    void conflicts.reload()
  }

  return (
    <section>
      <h2>{say(TEXTS.conflicts)}</h2>
      <Shown of={conflicts}>
        {(list) => (
          <>
            {list.length === 0 && <p class="empty">{say(TEXTS.noConflicts)}</p>}
            {list.map((conflict) => (
              <Pair key={conflict.id} conflict={conflict} onMerge={conflicts.reload} />
            ))}
            {list.length === limit.value && (
              <button type="button" onClick={loadMore}>
                {say(TEXTS.moreConflicts)}
              </button>
            )}
          </>
        )}
      </Shown>
    </section>
  )
}

function Pair({ conflict: { id, at, users }, onMerge }: { conflict: Conflict; onMerge(): Promise<void> }) {
  const [left, right] = users
  // One of them was erased since the list was made.
  if (!left || !right) return null

  function keep(kept: User, other: User): void {
    ask({
      title: say(TEXTS.mergeQuestion),
      sentences: [say(TEXTS.mergeSentence, { keep: kept.id, other: other.id })],
      action: say(TEXTS.merge),
      run: async () => {
        await call('POST', `/conflicts/${encodeURIComponent(id)}/merge`, { keep: kept.id })
        await onMerge()
      },
    })
  }

  return (
    <article>
      <h3>{say(TEXTS.conflictQuestion)}</h3>
      <p class="quiet">
        {sayTime(at)} {say(TEXTS.conflictHelp)}
      </p>
      <div class="columns">
        <Side user={left} other={right} onKeep={() => keep(left, right)} />
        <Side user={right} other={left} onKeep={() => keep(right, left)} />
      </div>
    </article>
  )
}

/** One of the two, with what differs from the other marked. */
function Side({ user, other, onKeep }: { user: User; other: User; onKeep(): void }) {
  const facts = [
    [TEXTS.externalId, (of: User) => of.externalId ?? say(TEXTS.none)],
    [TEXTS.nickname, (of: User) => of.profile.nickname || say(TEXTS.none)],
    [TEXTS.since, (of: User) => sayTime(of.createdAt)],
    [TEXTS.state, (of: User) => say(of.disabled ? TEXTS.isDisabled : TEXTS.mayEnter)],
  ] as const
  return (
    <div>
      <a href={userHash(user.id)}>
        <code>{user.id}</code>
      </a>
      <dl>
        {facts.map(([name, read]) => {
          const value = read(user)
          const isDifferent = value !== read(other)
          return (
            <div key={name.en} class="fact">
              <dt>{say(name)}</dt>
              <dd>{isDifferent ? <mark>{value}</mark> : value}</dd>
            </div>
          )
        })}
      </dl>
      <button type="button" onClick={onKeep}>
        {say(TEXTS.keep)}
      </button>
    </div>
  )
}
