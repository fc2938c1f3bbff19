import type { AuthEvent } from '@weapp-auth/fastify'
import { bodyOf } from './answer.ts'
import { ask, done, more, type OutputOptions, type PageOptions, print, toQuery, toTime } from './ask.ts'
import type { Send } from './running-service.ts'
import { toTable } from './table.ts'
import { type Command, WrongUseError } from './terminal.ts'

type ServiceEvent = Omit<AuthEvent, 'atMs'> & { at: string }
type GivenUpEvent = ServiceEvent & { attempts: number; givenUpAt: string }

/** The service API takes as many ids at once. */
const AT_ONCE = 1_000

export async function listEvents(
  command: Command,
  o: PageOptions & { user?: string; type?: string; since?: string },
): Promise<number> {
  const { limit, after, user: userId, type, since } = o
  return ask(command, async (send) => {
    const body = bodyOf(await send('GET', `/events${toQuery({ limit, after, userId, type, since })}`))
    return print(command, o, body, () => eventsTable(body.events as ServiceEvent[], command) + more(body, command))
  })
}

/** Events that EVENTS_URL has not taken for about a day. */
export async function listGivenUp(command: Command, o: PageOptions): Promise<number> {
  const { limit, after } = o
  return ask(command, async (send) => {
    const body = bodyOf(await send('GET', `/events/given-up${toQuery({ limit, after })}`))
    return print(command, o, body, () => givenUpTable(body.events as GivenUpEvent[], command) + more(body, command))
  })
}

/** Sends events again that were given up: those named, or all. */
export async function resendEvents(
  command: Command,
  ids: readonly string[],
  o: OutputOptions & { all?: boolean },
): Promise<number> {
  const { say } = command
  if (ids.length > 0 === (o.all ?? false)) {
    throw new WrongUseError(say('name events by their ids, or say --all', '请指定事件的 id，或使用 --all'))
  }
  return ask(command, async (send) => {
    const resent = o.all ? await resendAll(send) : await resend(send, ids)
    if (o.json) return print(command, o, { resent }, () => '')
    const others = o.all ? 0 : ids.length - resent
    const text =
      others > 0
        ? say(
            `${resent} events are sent again; ${others} were not given up, or do not exist`,
            `${resent} 个事件会重新发送；${others} 个没有被放弃，或不存在`,
          )
        : say(`${resent} events are sent again`, `${resent} 个事件会重新发送`)
    return done(command, text)
  })
}

async function resend(send: Send, ids: readonly string[]): Promise<number> {
  let resent = 0
  for (let from = 0; from < ids.length; from += AT_ONCE) {
    const body = bodyOf(await send('POST', '/events/resend', { ids: ids.slice(from, from + AT_ONCE) }))
    resent += Number(body.resent)
  }
  return resent
}

/** An event that is sent again leaves the list of those that were given up, so the first page is asked for until it is empty. */
async function resendAll(send: Send): Promise<number> {
  for (let all = 0; ; ) {
    const { events } = bodyOf(await send('GET', `/events/given-up${toQuery({ limit: String(AT_ONCE) })}`))
    const resent = await resend(
      send,
      (events as GivenUpEvent[]).map(({ id }) => id),
    )
    if (resent === 0) return all
    all += resent
  }
}

function eventsTable(events: readonly ServiceEvent[], { say }: Command): string {
  const heads = [
    say('time', '时间'),
    say('event', '事件'),
    say('user', '用户'),
    say('by', '操作者'),
    say('more', '详情'),
  ]
  const rows = events.map(({ at, type, userId, by, data }) => [
    toTime(at),
    type,
    userId ?? '',
    by,
    Object.entries(data)
      .map(([name, value]) => `${name}=${value}`)
      .join(' '),
  ])
  return toTable(heads, rows)
}

function givenUpTable(events: readonly GivenUpEvent[], { say }: Command): string {
  const heads = [
    'id',
    say('time', '时间'),
    say('event', '事件'),
    say('user', '用户'),
    say('attempts', '尝试次数'),
    say('given up', '放弃时间'),
  ]
  const rows = events.map(({ id, at, type, userId, attempts, givenUpAt }) => [
    id,
    toTime(at),
    type,
    userId ?? '',
    String(attempts),
    toTime(givenUpAt),
  ])
  return toTable(heads, rows)
}
