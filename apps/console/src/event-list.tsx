import { useSignal } from '@preact/signals'
import type { ApiProblem } from './api.ts'
import { type AuthEvent, call, type EventsPage } from './api.ts'
import { Problem, Shown, toProblem, useLoaded } from './loaded.tsx'
import { userHash } from './route.ts'
import { say, sayTime } from './text.ts'
import { TEXTS } from './texts.ts'

const PAGE_SIZE = 50

/** Events, newest first, a page at a time. `query`: the filter, as a query string. */
export function Events({ query, withUser = false }: { query: string; withUser?: boolean }) {
  const first = useLoaded(query, () => fetchPage(query, null))
  return <Shown of={first}>{(page) => <Pages key={query} first={page} query={query} withUser={withUser} />}</Shown>
}

function Pages({ first, query, withUser }: { first: EventsPage; query: string; withUser: boolean }) {
  const older = useSignal<EventsPage[]>([])
  const problem = useSignal<ApiProblem | null>(null)
  const busy = useSignal(false)
  const pages = [first, ...older.value]
  const next = pages.at(-1)?.next ?? null

  async function loadMore(): Promise<void> {
    if (busy.value) return
    busy.value = true
    try {
      older.value = [...older.value, await fetchPage(query, next)]
      problem.value = null
    } catch (error) {
      problem.value = toProblem(error)
    } finally {
      busy.value = false
    }
  }

  if (first.events.length === 0) return <p class="empty">{say(TEXTS.noEvents)}</p>
  return (
    <>
      <table>
        <thead>
          <tr>
            <th>{say(TEXTS.at)}</th>
            <th>{say(TEXTS.what)}</th>
            <th>{say(TEXTS.who)}</th>
            {withUser && <th>{say(TEXTS.about)}</th>}
            <th>{say(TEXTS.more1)}</th>
          </tr>
        </thead>
        <tbody>
          {pages
            .flatMap(({ events }) => events)
            .map((event) => (
              <Row key={event.id} event={event} withUser={withUser} />
            ))}
        </tbody>
      </table>
      {problem.value && <Problem of={problem.value} />}
      {next !== null && (
        <button type="button" disabled={busy.value} onClick={loadMore}>
          {say(TEXTS.more)}
        </button>
      )}
    </>
  )
}

function Row({ event, withUser }: { event: AuthEvent; withUser: boolean }) {
  const { at, type, by, userId, otherUserId, data } = event
  const hasMore = otherUserId !== null || Object.keys(data).length > 0
  const known = TEXTS.eventTypes[type as keyof typeof TEXTS.eventTypes]
  return (
    <tr>
      <td data-label={say(TEXTS.at)}>{sayTime(at)}</td>
      <td data-label={say(TEXTS.what)}>
        {known ? say(known) : type} {known && <code class="quiet">{type}</code>}
      </td>
      <td data-label={say(TEXTS.who)}>
        <code>{by}</code>
      </td>
      {withUser && (
        <td data-label={say(TEXTS.about)}>
          {userId && (
            <a href={userHash(userId)}>
              <code>{userId.slice(0, 13)}</code>
            </a>
          )}
        </td>
      )}
      <td data-label={hasMore ? say(TEXTS.more1) : undefined} class="data">
        {otherUserId && (
          <a href={userHash(otherUserId)}>
            <code>{otherUserId}</code>
          </a>
        )}{' '}
        {Object.entries(data).map(([name, value]) => (
          <span key={name}>
            {name}={String(value)}{' '}
          </span>
        ))}
      </td>
    </tr>
  )
}

function fetchPage(query: string, after: string | null): Promise<EventsPage> {
  const more = after === null ? '' : `&after=${encodeURIComponent(after)}`
  return call('GET', `/events?limit=${PAGE_SIZE}&${query}${more}`)
}
