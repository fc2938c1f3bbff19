import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openSqliteUsers } from '@weapp-auth/fastify'
import { sql } from 'kysely'
import { describe, expect, inject, test } from 'vitest'
import { operator } from '../../src/cli/operator.ts'
import { environment } from '../service.ts'
import { startEmbedded } from './embedded.ts'
import { makeFolder } from './folder.ts'
import { run } from './run.ts'

const APP = { WECHAT_APPID: 'wx1', WECHAT_SECRET: 's' }
const ALICES = { number: '13800138000', countryCode: '86' }

/** A service with one user who has a session. */
async function startWithAlice() {
  const service = await startEmbedded()
  const { weappAuth } = service.app
  const { id } = await weappAuth.createUser()
  await weappAuth.setExternalId(id, '17')
  await weappAuth.setPhone(id, ALICES)
  const { session } = await weappAuth.issue(id, { appid: 'wx1', device: { platform: 'ios', model: 'iPhone 15' } })
  const weapp = (...args: string[]) => run(args, service.env)
  return { ...service, weappAuth, id, session, weapp }
}

describe('weapp-auth users', () => {
  test('weapp-auth users find finds a user by each of the ids, and prints a table or JSON', async () => {
    const { weapp, id } = await startWithAlice()
    const ways = [[id], ['--external-id', '17'], ['--phone', '13800138000'], ['--phone', '+86 13800138000']]
    for (const way of ways) {
      const { code, out } = await weapp('users', 'find', ...way, '--json')
      expect({ code, ...JSON.parse(out) }).toMatchObject({ code: 0, id, externalId: '17', disabled: null })
    }
    const { out } = await weapp('users', 'find', id)
    expect(out).toMatch(/^id {36}external_id {2}nickname {2}made {18}disabled\n/)
    expect(out).toMatch(new RegExp(`^${id}  17 +\\d{4}-\\S+:\\d\\dZ\n$`, 'm'))
  })

  test('weapp-auth users find finds a user by appid and openid, which are named together', async () => {
    const { weapp, stores } = await startWithAlice()
    const signedIn = await stores.users.signIn('wx1', { openid: 'oA', unionid: null, sessionKey: 'aGk=' }, Date.now())
    const found = await weapp('users', 'find', '--appid', 'wx1', '--openid', 'oA', '--json')
    expect(JSON.parse(found.out)).toMatchObject({ id: 'user' in signedIn && signedIn.user.id })
    for (const half of [
      ['--appid', 'wx1'],
      ['--openid', 'oA'],
      ['--phone', '13800138000', '--appid', 'wx1'],
    ]) {
      const err = expect.stringContaining('--appid with --openid')
      expect(await weapp('users', 'find', ...half)).toMatchObject({ code: 2, out: '', err })
    }
  })

  test('a number of another country is found by its country, and what is no number is wrong use', async () => {
    const { weapp, weappAuth } = await startWithAlice()
    const { id } = await weappAuth.createUser()
    await weappAuth.setPhone(id, { number: '61234567', countryCode: '852' })
    for (const number of ['+852 61234567', '+852-61234567']) {
      expect(JSON.parse((await weapp('users', 'find', '--phone', number, '--json')).out).id).toBe(id)
    }
    for (const number of ['x13800138000', '13800138000x', '123', '+86123 13800138000', '']) {
      expect([number, await weapp('users', 'find', '--phone', number)]).toMatchObject([number, { code: 2 }])
    }
  })

  test('an id that looks like a path is an id, and never another command', async () => {
    const { weapp, weappAuth, id } = await startWithAlice()
    await weappAuth.disableUser(id, { reason: 'spam' })
    expect(await weapp('users', 'erase', `${id}/disabled`, '--yes')).toMatchObject({ code: 1 })
    expect((await weappAuth.findUser(id))?.disabled).not.toBeNull()
    expect(await weapp('users', 'find', `${id}?x=`)).toMatchObject({ code: 1 })
  })

  test('weapp-auth users find fails when there is no such user, and is wrong use with nothing or two things to find', async () => {
    const { weapp } = await startWithAlice()
    expect(await weapp('users', 'find', '--external-id', 'x')).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringMatching(/no such user/),
    })
    expect(await weapp('users', 'find')).toMatchObject({ code: 2 })
    expect(await weapp('users', 'find', 'x', '--phone', '13800138000')).toMatchObject({ code: 2 })
    expect(await weapp('users', 'find', '--phone', '+85261234567')).toMatchObject({
      code: 2,
      err: expect.stringMatching(/\+852 61234567/),
    })
    expect(await weapp('users', 'find', '--openid', 'o')).toMatchObject({ code: 2 })
  })

  test('weapp-auth users list says where the next page begins', async () => {
    const { weapp, weappAuth } = await startWithAlice()
    await weappAuth.createUser()
    const first = await weapp('users', 'list', '--limit', '1')
    const [, after = ''] = /^more: --after (\S+)$/m.exec(first.out) ?? []
    const second = JSON.parse((await weapp('users', 'list', '--limit', '1', '--after', after, '--json')).out)
    const ids = (await weappAuth.listUsers()).map((user) => user.id)
    expect([after, second.users[0].id].sort()).toEqual(ids)
    // All users are on one page. Only one of them has an id of the team, and nobody is disabled.
    const [, ...rows] = (await weapp('users', 'list')).out.split('\n')
    expect(rows.map((row) => row.replace(/ {2}17 /, '').split(/ {2,}\d{4}-\S+Z$/))).toEqual([
      ...ids.map((each) => [each, '']),
      [''],
    ])
    expect(await weapp('users', 'list', '--limit', '0')).toMatchObject({ code: 2 })
  })

  test('weapp-auth users disable ends the sessions, with a reason and until a time; enable takes it back', async () => {
    const { weapp, weappAuth, id } = await startWithAlice()
    expect(await weapp('users', 'disable', id)).toMatchObject({ code: 2, err: expect.stringMatching(/--reason/) })
    const until = '2999-01-01T00:00:00.000Z'
    expect(await weapp('users', 'disable', id, '--reason', 'spam', '--until', until)).toMatchObject({ code: 0 })
    expect(await weappAuth.list(id)).toEqual([])
    expect((await weapp('users', 'find', id)).out).toContain('until 2999-01-01T00:00:00Z: spam')
    expect(await weapp('users', 'disable', id, '--reason', 'fraud')).toMatchObject({
      code: 0,
      out: 'the user is disabled, and the sessions have ended\n',
    })
    expect((await weapp('users', 'find', id)).out).toContain('  yes: fraud\n')
    expect(await weapp('users', 'enable', id)).toMatchObject({ code: 0, out: 'the user may sign in\n' })
    expect((await weappAuth.findUser(id))?.disabled).toBeNull()
    expect(await weapp('users', 'disable', id, '--reason', 'x', '--until', 'soon')).toMatchObject({ code: 2 })
  })

  test('weapp-auth users erase asks for --yes, and erases', async () => {
    const { weapp, weappAuth, id } = await startWithAlice()
    expect(await weapp('users', 'erase', id)).toMatchObject({ code: 2, err: expect.stringMatching(/--yes/) })
    expect(await weappAuth.findUser(id)).not.toBeNull()
    expect(await weapp('users', 'erase', id, '--yes')).toMatchObject({ code: 0, out: 'the user is erased\n' })
    expect(await weappAuth.findUser(id)).toBeNull()
    expect(await weapp('users', 'erase', id, '--yes')).toMatchObject({
      code: 1,
      err: expect.stringMatching(/no such user/),
    })
  })
})

describe('weapp-auth sessions', () => {
  test('weapp-auth sessions list shows sessions and never a token; end ends one, or all', async () => {
    const { weapp, weappAuth, id, session } = await startWithAlice()
    const { out } = await weapp('sessions', 'list', id)
    expect(out).toMatch(/^id +appid +made +last seen +ends +device\n/)
    expect(out).toContain(session.id)
    expect(out).toContain('ios iPhone 15')
    expect(out).not.toContain('wxs1.')
    expect(await weapp('sessions', 'end', id)).toMatchObject({ code: 2 })
    expect(await weapp('sessions', 'end', id, session.id, '--all')).toMatchObject({ code: 2 })
    expect(await weapp('sessions', 'end', id, session.id)).toMatchObject({ code: 0 })
    expect(await weapp('sessions', 'end', id, session.id)).toMatchObject({
      code: 1,
      err: expect.stringMatching(/no such session/),
    })
    await weappAuth.issue(id, { appid: 'wx1' })
    expect((await weapp('sessions', 'end', id, '--all')).out).toBe('1 sessions have ended\n')
    expect(await weappAuth.list(id)).toEqual([])
  })
})

test('the id of a session that begins with a dash is an id, and no option', async () => {
  const { weapp, id } = await startWithAlice()
  const none = { code: 1, err: expect.stringMatching(/no such session/) }
  const session = `-${'a'.repeat(42)}`
  expect(await weapp('sessions', 'end', id, session)).toMatchObject(none)
  expect(await weapp('sessions', 'end', id, '--', session)).toMatchObject(none)
  expect(await weapp('sessions', 'end', id, session, '--lang', 'zh')).toMatchObject({ code: 1 })
})

describe('weapp-auth events', () => {
  test('weapp-auth events list shows what happened, newest first, and who did it', async () => {
    const { weapp, weappAuth } = await startWithAlice()
    // Without a session: that it ended would be written a moment later.
    const { id } = await weappAuth.createUser()
    await weapp('users', 'disable', id, '--reason', 'spam', '--until', '2999-01-01T00:00:00Z')
    await weapp('users', 'enable', id)
    const { code, out } = await weapp('events', 'list', '--user', id, '--limit', '2')
    const [heads = '', ...rows] = out.split('\n')
    expect(code).toBe(0)
    expect(heads).toMatch(/^time +event +user +by +more$/)
    expect(rows[0]).toMatch(new RegExp(`^\\d{4}-\\S+Z +user_enabled +${id} +operator:\\S+`))
    expect(rows[1]).toMatch(/ user_disabled .* reason=spam until=2999-01-01T00:00:00\.000Z$/)
    expect(rows[2]).toMatch(/^more: --after \S+$/)
    const json = JSON.parse((await weapp('events', 'list', '--type', 'user_disabled', '--json')).out)
    expect(json).toMatchObject({ events: [{ type: 'user_disabled', userId: id }], next: null })
    const [, after = ''] = /^more: --after (\S+)$/m.exec(out) ?? []
    const rest = JSON.parse((await weapp('events', 'list', '--user', id, '--after', after, '--json')).out)
    expect(rest.events.map(({ type }: { type: string }) => type)).not.toContain('user_enabled')
    const since = ['--since', '2999-01-01T00:00:00Z']
    expect(JSON.parse((await weapp('events', 'list', ...since, '--json')).out)).toEqual({ events: [], next: null })
  })

  test('weapp-auth events list with an unknown kind, or with a time that is none, is wrong use', async () => {
    const { weapp } = await startWithAlice()
    expect(await weapp('events', 'list', '--type', 'nothing')).toMatchObject({ code: 2 })
    expect(await weapp('events', 'list', '--since', 'soon')).toMatchObject({ code: 2 })
  })
})

describe('events that were given up', () => {
  async function startWithGivenUp() {
    const hook = { EVENTS_URL: 'http://127.0.0.1:1/events', HOOK_SECRET: 'a-secret-of-16-characters' }
    const service = await startEmbedded(makeFolder(), { ...APP, ...hook })
    const { queue } = service.stores.events.store
    const { id } = await service.app.weappAuth.createUser()
    for (const reason of ['one', 'two', 'three']) await service.app.weappAuth.disableUser(id, { reason })
    const giveUpNext = async () => {
      const [held] = (await queue?.take({ nowMs: Date.now() + 60_000, holdMs: 1_000, limit: 1 })) ?? []
      if (held) await queue?.giveUp(held, Date.now())
      return held?.id ?? ''
    }
    const ids = [await giveUpNext(), await giveUpNext(), await giveUpNext()]
    return { ids, id, weapp: (...args: string[]) => run(args, service.env) }
  }

  test('weapp-auth events given-up lists events that were given up, and resend sends those again that are named, or all', async () => {
    const { weapp, ids, id } = await startWithGivenUp()
    const { code, out } = await weapp('events', 'given-up')
    expect(code).toBe(0)
    expect(out).toMatch(/^id +time +event +user +attempts +given up\n/)
    for (const event of ids) expect(out).toMatch(new RegExp(`^${event} .*user_disabled +${id} +1 `, 'm'))
    const page = await weapp('events', 'given-up', '--limit', '1')
    expect(page.out).toMatch(/^id .*\n\S+ .*user_disabled .*\nmore: --after \S+\n$/)
    expect((await weapp('events', 'resend', ids[0] ?? '', ids[0]?.replace(/.$/, 'x') ?? '')).out).toBe(
      '1 events are sent again; 1 were not given up, or do not exist\n',
    )
    expect(await weapp('events', 'resend', '--all', '--json')).toMatchObject({ code: 0, out: '{"resent":2}\n' })
    expect(JSON.parse((await weapp('events', 'given-up', '--json')).out)).toEqual({ events: [], next: null })
    // More than the service takes at once.
    const sent = Array.from({ length: 1_001 }, () => ids[0] ?? '')
    expect((await weapp('events', 'resend', ...sent)).out).toMatch(/^0 events are sent again; 1001 were not given up/)
  })

  test('weapp-auth events resend of nothing, or of some and all, is wrong use', async () => {
    const { weapp } = await startWithAlice()
    expect(await weapp('events', 'resend')).toMatchObject({ code: 2, err: expect.stringContaining('--all') })
    expect(await weapp('events', 'resend', 'x', '--all')).toMatchObject({ code: 2 })
    expect(await weapp('events', 'resend', '--all')).toMatchObject({ code: 0, out: '0 events are sent again\n' })
  })
})

describe('where no service runs', () => {
  test('where no service runs, the command opens the embedded stores itself', async () => {
    const env = { ...APP, DATA_DIR: makeFolder() }
    expect(JSON.parse((await run(['users', 'list', '--json'], env)).out)).toEqual({ users: [], next: null })
    // They are closed again, or this could not open them.
    expect(await run(['users', 'list'], env)).toMatchObject({ code: 0, err: '' })
  })

  test('where no service runs, a command that changes a user says in the events who called it', async () => {
    const env = { ...APP, DATA_DIR: makeFolder() }
    const file = join(env.DATA_DIR, 'users.csv')
    writeFileSync(file, 'external_id\n17\n')
    await run(['import', file], env)
    const { id } = JSON.parse((await run(['users', 'find', '--external-id', '17', '--json'], env)).out)
    expect(await run(['users', 'disable', id, '--reason', 'spam'], env)).toMatchObject({ code: 0, err: '' })
    const { events } = JSON.parse((await run(['events', 'list', '--user', id, '--json'], env)).out)
    expect(events).toMatchObject([{ type: 'user_disabled', by: operator(), data: { reason: 'spam' } }])
  })

  test('where no service runs, a command fails with the reason that the database gives', async () => {
    const env = { ...APP, DATA_DIR: makeFolder() }
    await run(['migrate'], env)
    const db = openSqliteUsers(join(env.DATA_DIR, 'users.sqlite'))
    await sql`alter table weapp_auth_users rename to others`.execute(db)
    await db.destroy()
    const { code, err } = await run(['users', 'list'], env)
    expect(code).toBe(1)
    expect(err).toMatch(/^weapp-auth: .*no such table: weapp_auth_users\nweapp-auth: The service is not available/)
  })

  test('where no service runs, a command about the demonstration says how to start it', async () => {
    const env = { WECHAT_EMULATOR: 'on', DATA_DIR: makeFolder() }
    expect(await run(['users', 'list'], env)).toEqual({
      code: 2,
      out: '',
      err: 'weapp-auth: start the demonstration first: npm start\n',
    })
  })

  test.runIf(inject('redisUrl') && inject('databaseUrl'))(
    'the command opens stores on servers itself, and asks no service of other stores in the same DATA_DIR',
    async () => {
      const { app, dir } = await startEmbedded()
      await app.weappAuth.createUser()
      const env = { ...APP, ...(await environment('shared')), DATA_DIR: dir }
      expect(JSON.parse((await run(['users', 'list', '--json'], env)).out)).toEqual({ users: [], next: null })
    },
  )

  test('where no service runs, a database that is away is a failure that says which one it is', async () => {
    const env = { ...APP, DATA_DIR: makeFolder(), SESSION_KEY_KEYS: `k1:${Buffer.alloc(32).toString('base64')}` }
    const { code, err } = await run(['users', 'list'], { ...env, DATABASE_URL: 'postgres://a@127.0.0.1:1/b' })
    expect(code).toBe(1)
    expect(err).toMatch(/the user store \(PostgreSQL\) cannot be reached.*ECONNREFUSED/)
  })
})
