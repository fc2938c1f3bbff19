import { bodyOf } from './answer.ts'
import { ask, done, encode, more, type OutputOptions, type PageOptions, print, toQuery, toTime } from './ask.ts'
import { toTable } from './table.ts'
import { type Command, WrongUseError } from './terminal.ts'

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
  const { say } = command
  return ask(command, async (send) => {
    bodyOf(await send('PUT', `/users/${encode(userId)}/disabled`, { reason, until }))
    return done(command, say('the user is disabled, and the sessions have ended', '用户已停用，会话已结束'))
  })
}

export async function enableUser(command: Command, userId: string): Promise<number> {
  const { say } = command
  return ask(command, async (send) => {
    bodyOf(await send('DELETE', `/users/${encode(userId)}/disabled`))
    return done(command, say('the user may sign in', '用户可以登录'))
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
    return done(command, say('the user is erased', '用户已注销'))
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
      return done(command, say('the session has ended', '会话已结束'))
    }
    const { revoked } = bodyOf(await send('DELETE', `/users/${encode(userId)}/sessions`))
    return done(command, say(`${revoked} sessions have ended`, `已结束 ${revoked} 个会话`))
  })
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
