import { ApiProblem, call, type Session, type User, userPath } from '../api.ts'
import { ask } from '../ask.tsx'
import { Events } from '../event-list.tsx'
import { type Loaded, Shown, useLoaded } from '../loaded.tsx'
import { say, sayTime } from '../text.ts'
import { TEXTS } from '../texts.ts'

/** One user: profile and ids, sessions, and what happened. */
export function UserView({ id }: { id: string }) {
  const user = useLoaded(id, async () => (await call<{ user: User }>('GET', userPath(id))).user)
  const sessions = useLoaded(id, async () => {
    return (await call<{ sessions: Session[] }>('GET', userPath(id, '/sessions'))).sessions
  })
  const changed = async () => {
    await Promise.all([user.reload(), sessions.reload()])
  }
  return (
    <>
      <section>
        <Shown of={user}>{(value) => <Who user={value} sessions={sessions} onChange={changed} />}</Shown>
      </section>
      {/* Somebody who was erased has no sessions, and still has events. */}
      {user.problem?.code !== 'not_found' && (
        <section>
          <Shown of={sessions}>
            {(value) => (
              <Sessions id={id} sessions={value} isDisabled={Boolean(user.value?.disabled)} onChange={changed} />
            )}
          </Shown>
        </section>
      )}
      <section>
        <h2>{say(TEXTS.events)}</h2>
        <Events query={`userId=${encodeURIComponent(id)}`} />
      </section>
    </>
  )
}

interface Changing {
  onChange(): Promise<void>
}

function Who({ user, sessions, onChange }: { user: User; sessions: Loaded<Session[]> } & Changing) {
  const { id, externalId, profile, createdAt, disabled } = user
  const phone = useLoaded(id, () => findPhoneTail(id))

  function disable(): void {
    const n = sessions.value?.length ?? '?'
    ask({
      title: say(TEXTS.disableQuestion),
      sentences: [say(n === 1 ? TEXTS.disableSentence1 : TEXTS.disableSentence, { n })],
      action: say(TEXTS.disable),
      needsReason: true,
      run: async ({ reason, until }) => {
        await call('PUT', userPath(id, '/disabled'), { reason, ...(until !== '' && { until }) })
        await onChange()
      },
    })
  }

  function enable(): void {
    ask({
      title: say(TEXTS.enableQuestion),
      sentences: [say(TEXTS.enableSentence)],
      action: say(TEXTS.enable),
      run: async () => {
        await call('DELETE', userPath(id, '/disabled'))
        await onChange()
      },
    })
  }

  return (
    <>
      <div class="headed">
        <h2>{profile.nickname || externalId || say(TEXTS.user)}</h2>
        <button type="button" class={disabled ? '' : 'danger'} onClick={disabled ? enable : disable}>
          {say(disabled ? TEXTS.enable : TEXTS.disable)}
        </button>
      </div>
      <dl>
        <dt>{say(TEXTS.userId)}</dt>
        <dd>
          <code>{id}</code>
        </dd>
        <dt>{say(TEXTS.externalId)}</dt>
        <dd>{externalId === null ? <span class="quiet">{say(TEXTS.none)}</span> : <code>{externalId}</code>}</dd>
        <dt>{say(TEXTS.nickname)}</dt>
        <dd>{profile.nickname || <span class="quiet">{say(TEXTS.none)}</span>}</dd>
        <dt>{say(TEXTS.phone)}</dt>
        <dd>{phone.value ?? <span class="quiet">{phone.problem ? say(TEXTS.notRead) : '…'}</span>}</dd>
        <dt>{say(TEXTS.since)}</dt>
        <dd>{sayTime(createdAt)}</dd>
        <dt>{say(TEXTS.state)}</dt>
        <dd class={disabled ? 'trouble' : ''}>{sayState(disabled)}</dd>
      </dl>
    </>
  )
}

function sayState(disabled: User['disabled']): string {
  if (!disabled) return say(TEXTS.mayEnter)
  const { at, until, reason } = disabled
  if (until === null) return say(TEXTS.disabledSince, { at: sayTime(at), reason })
  return say(TEXTS.disabledUntil, { at: sayTime(at), until: sayTime(until), reason })
}

interface SessionsProps extends Changing {
  id: string
  sessions: Session[]
  isDisabled: boolean
}

/** The last four digits of the phone number. The page keeps no more of it. */
async function findPhoneTail(id: string): Promise<string> {
  try {
    const { phone } = await call<{ phone: { number: string } | null }>('GET', userPath(id, '/phone'))
    return phone ? say(TEXTS.phoneTail, { tail: phone.number.slice(-4) }) : say(TEXTS.none)
  } catch (error) {
    if (error instanceof ApiProblem && error.code === 'scope_missing') return say(TEXTS.needsWechat)
    if (error instanceof ApiProblem && error.status === 404) return say(TEXTS.none)
    throw error
  }
}

function Sessions({ id, sessions, isDisabled, onChange }: SessionsProps) {
  function end(path: string, n: number): void {
    ask({
      title: say(n === 1 ? TEXTS.endQuestion : TEXTS.endAllQuestion),
      sentences: [say(n === 1 ? TEXTS.endSentence1 : TEXTS.endSentence, { n })],
      action: say(TEXTS.end),
      run: async () => {
        await call('DELETE', userPath(id, path))
        await onChange()
      },
    })
  }

  return (
    <>
      <div class="headed">
        <h2>{say(TEXTS.sessions)}</h2>
        {sessions.length > 1 && (
          <button type="button" class="danger" onClick={() => end('/sessions', sessions.length)}>
            {say(TEXTS.endAll)}
          </button>
        )}
      </div>
      {sessions.length === 0 && <p class="empty">{say(isDisabled ? TEXTS.noSessionsDisabled : TEXTS.noSessions)}</p>}
      {sessions.length > 0 && (
        <table>
          <thead>
            <tr>
              <th>{say(TEXTS.device)}</th>
              <th>{say(TEXTS.appid)}</th>
              <th>{say(TEXTS.created)}</th>
              <th>{say(TEXTS.lastSeen)}</th>
              <th>
                <span class="hidden">{say(TEXTS.end)}</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {sessions.map((session) => (
              <tr key={session.id}>
                <td data-label={say(TEXTS.device)}>{sayDevice(session)}</td>
                <td data-label={say(TEXTS.appid)}>
                  <code>{session.appid}</code>
                </td>
                <td data-label={say(TEXTS.created)}>{sayTime(session.createdAt)}</td>
                <td data-label={say(TEXTS.lastSeen)}>{sayTime(session.lastSeenAt)}</td>
                <td class="last">
                  <button type="button" onClick={() => end(`/sessions/${encodeURIComponent(session.id)}`, 1)}>
                    {say(TEXTS.end)}
                  </button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </>
  )
}

function sayDevice({ device }: Session): string {
  const parts = [device?.model, device?.system, device?.wechatVersion && `WeChat ${device.wechatVersion}`]
  return parts.filter(Boolean).join(' · ') || say(TEXTS.noDevice)
}
