import { call } from '../api.ts'
import { Shown, useLoaded } from '../loaded.tsx'
import { say } from '../text.ts'
import { TEXTS } from '../texts.ts'

interface Health {
  stores: Record<'sessions' | 'users', 'up' | 'down'>
  apps: { appid: string; secrets: number; secretInUse: number | null; accessTokenExpiresIn: number | null }[]
  keyRing: { kid: string; fingerprint: string }[]
  /** Null: there is no EVENTS_URL, or the store of users is away. */
  events: { undelivered: number; oldestUndeliveredSeconds: number; givenUp: number } | null
  /** `outcome`: `ok`, `refused` with an errcode, or the code of the problem when there was no answer. */
  wechat: { operation: string; outcome: string; errcode?: number; count: number }[]
}

/**
 * Answers that ask for nothing to be done: WeChat is busy, or refuses what one user's phone has sent; or an access_token was not
 * the newest, and the service fetches another.
 */
const USUAL = new Set([-1, 40003, 40029, 40163, 40226, 41008, 45011, 40001, 40014, 42001])

/** An event is usually taken after a few seconds. The alert says the same. */
const LATE_SECONDS = 600

/** A page of facts about this process. What somebody should act on is marked. */
export function HealthView() {
  const health = useLoaded('health', () => call<Health>('GET', '/health'))
  return (
    <>
      <div class="headed">
        <h2>{say(TEXTS.health)}</h2>
        <button type="button" onClick={health.reload}>
          {say(TEXTS.readAgain)}
        </button>
      </div>
      <p class="quiet">{say(TEXTS.healthHelp)}</p>
      <Shown of={health}>{(value) => <Facts of={value} />}</Shown>
    </>
  )
}

function Facts({ of: { stores, apps, keyRing, events, wechat } }: { of: Health }) {
  return (
    <>
      <section>
        <dl>
          <dt>{say(TEXTS.sessionStore)}</dt>
          <Store state={stores.sessions} />
          <dt>{say(TEXTS.userStore)}</dt>
          <Store state={stores.users} />
          <dt>{say(TEXTS.keyRing)}</dt>
          <dd>
            {keyRing.map(({ kid, fingerprint }, index) => (
              <p key={kid}>
                <code>
                  {kid} {fingerprint.slice(0, 12)}
                </code>{' '}
                {index === 0 && <span class="quiet">{say(TEXTS.seals)}</span>}
              </p>
            ))}
          </dd>
          {events && <Events of={events} />}
        </dl>
      </section>
      <section>
        <h3>{say(TEXTS.apps)}</h3>
        <table>
          <thead>
            <tr>
              <th>{say(TEXTS.appid)}</th>
              <th>{say(TEXTS.secretInUse)}</th>
              <th>{say(TEXTS.accessToken)}</th>
            </tr>
          </thead>
          <tbody>
            {apps.map(({ appid, secrets, secretInUse, accessTokenExpiresIn }) => (
              <tr key={appid}>
                <td data-label={say(TEXTS.appid)}>
                  <code>{appid}</code>
                </td>
                <td data-label={say(TEXTS.secretInUse)}>
                  {secretInUse === null ? say(TEXTS.notTried) : say(TEXTS.secretOf, { n: secretInUse, m: secrets })}
                </td>
                <td data-label={say(TEXTS.accessToken)}>
                  {accessTokenExpiresIn === null
                    ? say(TEXTS.noAccessToken)
                    : say(TEXTS.accessTokenFor, { n: Math.floor(accessTokenExpiresIn / 60) })}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
      <section>
        <h3>{say(TEXTS.wechatLastHour)}</h3>
        {wechat.length === 0 && <p class="empty">{say(TEXTS.noWechat)}</p>}
        {wechat.length > 0 && (
          <table>
            <thead>
              <tr>
                <th>{say(TEXTS.operation)}</th>
                <th>errcode</th>
                <th>{say(TEXTS.count)}</th>
              </tr>
            </thead>
            <tbody>
              {wechat.map(({ operation, outcome, errcode, count }) => (
                <tr key={`${operation} ${outcome} ${errcode}`}>
                  <td data-label={say(TEXTS.operation)}>
                    <code>{operation}</code>
                  </td>
                  <td data-label="errcode">
                    <span class={outcome === 'ok' || USUAL.has(errcode ?? 0) ? '' : 'act trouble'}>
                      {errcode ?? <code>{outcome}</code>}
                    </span>
                  </td>
                  <td data-label={say(TEXTS.count)}>{count}</td>
                </tr>
              ))}
            </tbody>
          </table>
        )}
      </section>
    </>
  )
}

function Events({ of: { undelivered, oldestUndeliveredSeconds, givenUp } }: { of: NonNullable<Health['events']> }) {
  const isLate = oldestUndeliveredSeconds > LATE_SECONDS
  const minutes = Math.floor(oldestUndeliveredSeconds / 60)
  return (
    <>
      <dt>{say(TEXTS.eventsNotTaken)}</dt>
      <dd>
        {undelivered === 0 && givenUp === 0 && say(TEXTS.none)}
        {undelivered > 0 && (
          <p class={isLate ? 'act trouble' : ''}>{say(TEXTS.eventsWait, { n: undelivered, minutes })}</p>
        )}
        {givenUp > 0 && <p class="act trouble">{say(TEXTS.eventsGivenUp, { n: givenUp })}</p>}
      </dd>
    </>
  )
}

function Store({ state }: { state: 'up' | 'down' }) {
  return <dd class={state === 'up' ? '' : 'act trouble'}>{say(state === 'up' ? TEXTS.answers : TEXTS.away)}</dd>
}
