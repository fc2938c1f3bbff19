import type { AuthEvent } from '@weapp-auth/fastify'
import { bodyOf, RefusedError } from './answer.ts'
import { readConfig } from './config.ts'
import { openService } from './open-service.ts'
import type { Send } from './running-service.ts'
import { toTable } from './table.ts'
import { type Command, EXIT, WrongUseError } from './terminal.ts'

/** Options of every command about users, sessions and events. */
export interface OutputOptions {
  json?: boolean
}

/** Options of commands that list something. */
export interface PageOptions extends OutputOptions {
  limit?: string
  after?: string
}

/** A user as the service API answers it. */
interface ServiceUser {
  id: string
  createdAt: string
  profile: { nickname: string }
  externalId: string | null
  disabled: { at: string; until: string | null; reason: string } | null
}

interface ServiceSession {
  id: string
  appid: string
  createdAt: string
  lastSeenAt: string
  expiresAt: string
  device?: { platform?: string; model?: string }
}

type ServiceEvent = Omit<AuthEvent, 'atMs'> & { at: string }

/** The ids that a user can be found by. */
export interface FindOptions extends OutputOptions {
  externalId?: string
  phone?: string
  appid?: string
  openid?: string
}

export async function findUser(command: Command, userId: string | undefined, o: FindOptions): Promise<number> {
  const request = toFindRequest(command, userId, o)
  return ask(command, async (send) => {
    const { user } = bodyOf(
      request === null ? await send('GET', `/users/${encode(userId)}`) : await send('POST', '/users/find', request),
    )
    return print(command, o, user, () => usersTable([user as ServiceUser], command))
  })
}

export async function listUsers(command: Command, o: PageOptions): Promise<number> {
  return ask(command, async (send) => {
    const body = bodyOf(await send('GET', `/users${toQuery({ limit: o.limit, after: o.after })}`))
    return print(command, o, body, () => usersTable(body.users as ServiceUser[], command) + more(body, command))
  })
}

export async function disableUser(
  command: Command,
  userId: string,
  { reason, until }: { reason: string; until?: string },
): Promise<number> {
  const body = { reason, ...(until !== undefined && { until }) }
  return ask(command, async (send) => {
    bodyOf(await send('PUT', `/users/${encode(userId)}/disabled`, body))
    return done(command, 'the user is disabled, and the sessions have ended', '用户已停用，会话已结束')
  })
}

export async function enableUser(command: Command, userId: string): Promise<number> {
  return ask(command, async (send) => {
    bodyOf(await send('DELETE', `/users/${encode(userId)}/disabled`))
    return done(command, 'the user may sign in', '用户可以登录')
  })
}

export async function eraseUser(command: Command, userId: string, { yes }: { yes?: boolean }): Promise<number> {
  const { say } = command
  if (!yes) {
    throw new WrongUseError(
      say('an erased user never comes back: say --yes if that is wanted', '注销后无法恢复：确定请加上 --yes'),
    )
  }
  return ask(command, async (send) => {
    bodyOf(await send('DELETE', `/users/${encode(userId)}`))
    return done(command, 'the user is erased', '用户已注销')
  })
}

export async function listSessions(command: Command, userId: string, o: OutputOptions): Promise<number> {
  return ask(command, async (send) => {
    const { sessions } = bodyOf(await send('GET', `/users/${encode(userId)}/sessions`))
    return print(command, o, sessions, () => sessionsTable(sessions as ServiceSession[], command))
  })
}

export async function endSessions(
  command: Command,
  userId: string,
  sessionId: string | undefined,
  { all }: { all?: boolean },
): Promise<number> {
  const { say } = command
  if ((sessionId === undefined) === !all) {
    throw new WrongUseError(say('name one session, or say --all', '请指定一个会话，或使用 --all'))
  }
  return ask(command, async (send) => {
    if (sessionId !== undefined) {
      bodyOf(await send('DELETE', `/users/${encode(userId)}/sessions/${encode(sessionId)}`))
      return done(command, 'the session has ended', '会话已结束')
    }
    const { revoked } = bodyOf(await send('DELETE', `/users/${encode(userId)}/sessions`))
    return done(command, `${revoked} sessions have ended`, `已结束 ${revoked} 个会话`)
  })
}

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

async function ask(command: Command, work: (send: Send) => Promise<number>): Promise<number> {
  const service = await openService(readConfig(command), command)
  try {
    return await work(service.send)
  } catch (error) {
    // A bad request for the API is a mistake in what a person typed.
    if (error instanceof RefusedError && error.code === 'request_invalid') throw new WrongUseError(error.message)
    throw error
  } finally {
    await service.close()
  }
}

/** The body of a search. Null: the user is named by our own id. */
function toFindRequest({ say }: Command, userId: string | undefined, o: FindOptions): object | null {
  const ways = [userId, o.externalId, o.phone, o.openid].filter((way) => way !== undefined)
  if (ways.length !== 1 || (o.openid === undefined) !== (o.appid === undefined)) {
    throw new WrongUseError(
      say(
        'say one of: the id of the user, --external-id, --phone, or --appid with --openid',
        '请指定其中一种：用户 id、--external-id、--phone，或 --appid 加 --openid',
      ),
    )
  }
  if (o.externalId !== undefined) return { externalId: o.externalId }
  if (o.openid !== undefined) return { appid: o.appid, openid: o.openid }
  if (o.phone === undefined) return null
  const [, countryCode = '86', number] = /^(?:\+(\d{1,4})[ -])?(\d{4,15})$/.exec(o.phone) ?? []
  if (number) return { phone: { number, countryCode } }
  throw new WrongUseError(
    say('--phone must be like 13800138000 or "+852 61234567"', '--phone 必须形如 13800138000 或 "+852 61234567"'),
  )
}

function usersTable(users: readonly ServiceUser[], { say }: Command): string {
  const heads = ['id', 'external_id', say('nickname', '昵称'), say('made', '创建时间'), say('disabled', '停用')]
  const toState = (disabled: ServiceUser['disabled']) =>
    disabled
      ? `${disabled.until ? say(`until ${toTime(disabled.until)}`, `至 ${toTime(disabled.until)}`) : say('yes', '是')}: ${disabled.reason}`
      : ''
  const rows = users.map(({ id, externalId, profile, createdAt, disabled }) => [
    id,
    externalId ?? '',
    profile.nickname,
    toTime(createdAt),
    toState(disabled),
  ])
  return toTable(heads, rows)
}

function sessionsTable(sessions: readonly ServiceSession[], { say }: Command): string {
  const heads = [
    'id',
    'appid',
    say('made', '创建时间'),
    say('last seen', '最近使用'),
    say('ends', '到期'),
    say('device', '设备'),
  ]
  const rows = sessions.map(({ id, appid, createdAt, lastSeenAt, expiresAt, device }) => [
    id,
    appid,
    toTime(createdAt),
    toTime(lastSeenAt),
    toTime(expiresAt),
    [device?.platform, device?.model].filter(Boolean).join(' '),
  ])
  return toTable(heads, rows)
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

function more({ next }: Record<string, unknown>, { say }: Command): string {
  return typeof next === 'string' ? say(`more: --after ${next}\n`, `下一页：--after ${next}\n`) : ''
}

/** A time to the second, in UTC as in the log. */
function toTime(iso: string): string {
  return iso.replace(/\.\d+Z$/, 'Z')
}

function print({ stdout }: Command, { json }: OutputOptions, value: unknown, toText: () => string): number {
  stdout.write(json ? `${JSON.stringify(value)}\n` : toText())
  return EXIT.done
}

function done({ stdout, say }: Command, en: string, zh: string): number {
  stdout.write(`${say(en, zh)}\n`)
  return EXIT.done
}

function encode(id: string | undefined): string {
  return encodeURIComponent(id ?? '')
}

function toQuery(fields: Record<string, string | undefined>): string {
  const set = Object.entries(fields).filter((field): field is [string, string] => field[1] !== undefined)
  return set.length === 0 ? '' : `?${new URLSearchParams(set)}`
}
