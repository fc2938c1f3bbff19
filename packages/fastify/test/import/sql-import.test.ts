import fc from 'fast-check'
import type { Kysely, KyselyPlugin } from 'kysely'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import {
  createSessionKeyVault,
  createSqlImport,
  createSqlPhoneStore,
  createSqlUserStore,
  generateVaultKey,
  type ImportLine,
  MAX_IMPORT_LINES,
  type UserStore,
  type UsersDatabase,
} from '../../src/index.ts'
import { ENGINES, type OpenDatabase, openSqlite } from '../databases.ts'

const APPID = 'wx1'
const SETTINGS = { appids: [APPID, 'wx2'], utcOffset: '+08:00', nowMs: 2_000_000_000_000, dryRun: false }
const SESSION_KEY = Buffer.alloc(16, 7).toString('base64')
const ALICE = {
  external_id: '17',
  appid: APPID,
  openid: 'oAlice',
  unionid: 'uAlice',
  phone: '13800138000',
  nickname: 'Alice 🌱',
  avatar_url: 'https://pics.example.com/a.jpg',
  created_at: '2024-05-01 12:30:00',
}
const ALICES_NUMBER = { number: '13800138000', countryCode: '86' }

function open(db: Kysely<UsersDatabase>) {
  const vault = createSessionKeyVault({ keys: generateVaultKey() })
  const users = createSqlUserStore({ db, vault })
  const userImport = createSqlImport({ db, vault })
  return {
    db,
    users,
    phones: createSqlPhoneStore({ db, vault }),
    take: (lines: ImportLine[], o: Partial<typeof SETTINGS> = {}) => userImport.run(lines, { ...SETTINGS, ...o }),
    signIn: (openid: string, unionid: string | null = null) =>
      users.signIn(APPID, { openid, unionid, sessionKey: SESSION_KEY }, SETTINGS.nowMs),
  }
}

async function empty(db: Kysely<UsersDatabase>): Promise<void> {
  for (const table of ['phones', 'phone_key', 'conflicts', 'unionids', 'identities', 'users'] as const) {
    await db.deleteFrom(`weapp_auth_${table}`).execute()
  }
}

describe.each(ENGINES)('an import into %s', (_engine, openDatabase) => {
  let database: OpenDatabase
  beforeAll(async () => {
    database = await openDatabase()
  })
  afterAll(() => database.close())

  async function openEmpty() {
    await empty(database.db)
    return open(database.db)
  }

  it('an import makes a user with all that a line says, and finds it done when the line comes again', async () => {
    const { take, users, phones } = await openEmpty()
    expect(await take([ALICE])).toEqual(['made'])
    const user = await users.findUserByExternalId('17')
    expect(user).toMatchObject({
      createdAtMs: Date.parse('2024-05-01T04:30:00Z'),
      profile: { nickname: 'Alice 🌱', avatarUrl: 'https://pics.example.com/a.jpg', gender: 0 },
      disabled: null,
    })
    const { id = '' } = user ?? {}
    expect(await users.findIdentity(id, APPID)).toEqual({ openid: 'oAlice', unionid: 'uAlice' })
    expect(await phones.find(id)).toEqual({ ...ALICES_NUMBER, isProven: false })
    expect(await take([ALICE])).toEqual(['done'])
    expect(await users.findUserByExternalId('17')).toEqual(user)
  })

  it('an import reads the rows of users whom its lines name, and of nobody else', async () => {
    await empty(database.db)
    const rows: unknown[] = []
    const watched = database.db.withPlugin({
      transformQuery: ({ node }) => node,
      transformResult: async ({ result }) => {
        rows.push(...result.rows)
        return result
      },
    })
    const { take, users } = open(watched)
    const others = [
      { external_id: '18', appid: 'wx2', openid: 'oAlice', unionid: 'uBob', phone: '13900139000' },
      { external_id: '19', appid: APPID, openid: 'oCarol' },
    ]
    await take([ALICE, ...others])
    const [alice, bob, carol] = await Promise.all(['17', '18', '19'].map((id) => users.findUserByExternalId(id)))
    rows.length = 0
    const { external_id: _, ...known } = ALICE
    for (const line of [ALICE, known, { external_id: '17', phone: ALICE.phone }]) await take([line])
    expect(JSON.stringify(rows)).toContain(alice?.id)
    for (const other of [bob, carol]) expect(JSON.stringify(rows)).not.toContain(other?.id)
  })

  it('an identity has no session_key until its user signs in, and is no new user then', async () => {
    const { take, users, signIn, db } = await openEmpty()
    await take([ALICE])
    const { id = '' } = (await users.findUserByExternalId('17')) ?? {}
    expect(await users.findKeys(id, APPID)).toEqual({ openid: 'oAlice', sessionKeys: [] })
    expect(await signIn('oAlice', 'uAlice')).toMatchObject({ user: { id, externalId: '17' }, isNew: false })
    expect(await users.findKeys(id, APPID)).toEqual({ openid: 'oAlice', sessionKeys: [SESSION_KEY] })
    const row = await db.selectFrom('weapp_auth_identities').select('previous_session_key').executeTakeFirst()
    expect(row?.previous_session_key).toBeNull()
  })

  it('a time in the future, by a clock that was wrong, counts as now', async () => {
    const { take, users } = await openEmpty()
    await take([{ external_id: '17', created_at: '2999-01-01' }, { external_id: '18' }])
    for (const id of ['17', '18']) {
      expect(await users.findUserByExternalId(id)).toMatchObject({ createdAtMs: SETTINGS.nowMs })
    }
  })

  it('an imported user who is known by a unionid alone is found at the first sign-in', async () => {
    const { take, users, signIn } = await openEmpty()
    expect(await take([{ external_id: '17', unionid: 'uAlice' }])).toEqual(['made'])
    const { id } = (await users.findUserByExternalId('17')) ?? {}
    expect(await signIn('oAlice', 'uAlice')).toMatchObject({ user: { id }, isNew: false })
  })

  it('an import fills what a user has not yet, and leaves the id, the session_key and the time as they are', async () => {
    const { take, users, phones, signIn } = await openEmpty()
    const signedIn = await signIn('oAlice')
    const { user } = signedIn as { user: { id: string } }
    expect(await take([ALICE])).toEqual(['filled'])
    expect(await users.findUser(user.id)).toMatchObject({
      id: user.id,
      externalId: '17',
      createdAtMs: SETTINGS.nowMs,
      profile: { nickname: 'Alice 🌱' },
    })
    expect(await users.findKeys(user.id, APPID)).toEqual({ openid: 'oAlice', sessionKeys: [SESSION_KEY] })
    expect(await users.findIdentity(user.id, APPID)).toEqual({ openid: 'oAlice', unionid: 'uAlice' })
    expect(await phones.find(user.id)).toEqual({ ...ALICES_NUMBER, isProven: false })
    expect(await take([ALICE])).toEqual(['done'])
  })

  it('an import takes several lines about one user, in one call or in two', async () => {
    const { take, users } = await openEmpty()
    const other = { external_id: '17', appid: 'wx2', openid: 'oAlice2', unionid: 'uAlice' }
    expect(await take([ALICE, other])).toEqual(['made', 'filled'])
    const { id = '' } = (await users.findUserByExternalId('17')) ?? {}
    expect(await users.findIdentity(id, 'wx2')).toEqual({ openid: 'oAlice2', unionid: 'uAlice' })
    expect(await take([{ unionid: 'uAlice' }, { phone: '13800138000' }, other])).toEqual(['done', 'done', 'done'])
  })

  it('a line that contradicts what is known is refused with the reason, and nothing of it is kept', async () => {
    const { take, db } = await openEmpty()
    await take([ALICE, { external_id: 'bob' }])
    const before = await dump(db)
    const refused: [line: ImportLine, reason: RegExp][] = [
      [{ ...ALICE, external_id: '18' }, /has another external_id/],
      [{ ...ALICE, openid: 'oOther' }, /has another openid in this mini-program/],
      [{ ...ALICE, unionid: 'uOther' }, /has another unionid/],
      [{ ...ALICE, phone: '13900139000' }, /has another phone number/],
      [{ ...ALICE, nickname: 'Alicia' }, /has another nickname/],
      [{ ...ALICE, avatar_url: 'https://pics.example.com/b.jpg' }, /has another avatar_url/],
      [{ external_id: '18', phone: '13800138000' }, /^phone is the number of user /],
      [{ external_id: 'bob', appid: APPID, openid: 'oAlice' }, /^external_id belongs to user .* and openid/],
      [{ external_id: 'bob', unionid: 'uAlice' }, /^external_id belongs to user .* and unionid/],
    ]
    const outcomes = await take([...refused.map(([line]) => line), { external_id: 'carol' }])
    expect(outcomes).toEqual([...refused.map(([, reason]) => ({ refused: expect.stringMatching(reason) })), 'made'])
    await db.deleteFrom('weapp_auth_users').where('external_id', '=', 'carol').execute()
    expect(await dump(db)).toEqual(before)
  })

  it('a number that somebody has proved never moves, and whoever has it now gets nobody else’s account', async () => {
    const { take, users, phones } = await openEmpty()
    const { id } = await users.createUser(1)
    await phones.prove(id, ALICES_NUMBER, 1)
    const refused = { refused: expect.stringContaining(`phone is the number of user ${id}`) }
    expect(await take([{ external_id: '17', phone: '13800138000', nickname: 'Alice' }])).toEqual([refused])
    expect(await users.findUser(id)).toMatchObject({ externalId: null, profile: { nickname: '' } })
    expect(await phones.find(id)).toEqual({ ...ALICES_NUMBER, isProven: true })
    // The same user with the same number is no difference, and the number stays proved.
    await users.setExternalId(id, '17', false)
    expect(await take([{ external_id: '17', phone: '13800138000' }])).toEqual(['done'])
    expect(await phones.find(id)).toEqual({ ...ALICES_NUMBER, isProven: true })
  })

  it('a user who is being erased gets nothing', async () => {
    const { take, users } = await openEmpty()
    await take([ALICE])
    const { id = '' } = (await users.findUserByExternalId('17')) ?? {}
    await users.beginErasure(id, 1)
    expect(await take([ALICE])).toEqual([{ refused: `user ${id} is being erased` }])
    await users.eraseUser(id)
    expect(await take([ALICE])).toEqual(['made'])
  })

  it('a dry run says what would happen, and makes nobody', async () => {
    const { take, db } = await openEmpty()
    await take([{ external_id: 'bob' }])
    const before = await dump(db)
    const lines = [ALICE, { ...ALICE, nickname: 'Alicia' }, { external_id: 'bob', nickname: 'Bob' }, {}]
    expect(await take(lines, { dryRun: true })).toEqual([
      'made',
      { refused: expect.stringContaining('another nickname') },
      'filled',
      { refused: expect.stringContaining('names nobody') },
    ])
    expect(await dump(db)).toEqual(before)
  })

  it('a unionid that a line brings is learned by its own identity and by no other one', async () => {
    const { take, users, signIn } = await openEmpty()
    const others = [
      { external_id: 'bob', appid: APPID, openid: 'oBob' },
      { external_id: 'carol', appid: 'wx2', openid: 'oAlice' },
    ]
    await take(others)
    await signIn('oAlice')
    expect(await take([{ appid: APPID, openid: 'oAlice', unionid: 'uAlice' }])).toEqual(['filled'])
    const { id = '' } = (await users.findUserByIdentity(APPID, 'oAlice')) ?? {}
    expect(await users.findIdentity(id, APPID)).toEqual({ openid: 'oAlice', unionid: 'uAlice' })
    for (const { external_id, appid, openid } of others) {
      const other = await users.findUserByExternalId(external_id)
      expect(await users.findIdentity(other?.id ?? '', appid)).toEqual({ openid, unionid: null })
    }
  })

  it('identifiers that differ in one letter’s case are two people', async () => {
    const { take } = await openEmpty()
    const [lower, upper] = ['oalice', 'oAlice'].map((openid) => ({ appid: APPID, openid }))
    expect(
      await take([
        { ...lower, external_id: 'a' },
        { ...upper, external_id: 'A' },
      ] as ImportLine[]),
    ).toEqual(['made', 'made'])
    expect(
      await take([
        { ...lower, external_id: 'a' },
        { ...upper, external_id: 'A' },
      ] as ImportLine[]),
    ).toEqual(['done', 'done'])
  })

  it('sign-ins, proofs and a second import at the same time leave each identity with one user, and lose no line', async () => {
    const { take, users, phones, signIn, db } = await openEmpty()
    const numbers = Array.from({ length: 30 }, (_, index) => index)
    const lines = numbers.map((n) => ({
      external_id: `e${n}`,
      appid: APPID,
      openid: `o${n}`,
      unionid: `u${n}`,
      phone: `138001380${10 + n}`,
    }))
    const known = await users.createUser(1)
    const [first, second] = await Promise.all([
      take(lines),
      take(lines),
      ...numbers.map((n) => signIn(`o${n}`, `u${n}`)),
      phones.prove(known.id, { number: '13800138010', countryCode: '86' }, 1),
    ])
    // Whoever was faster: the number of the first line is its user's, or the proof has taken it away.
    const again = await take(lines)
    expect(again.slice(1)).toEqual(lines.slice(1).map(() => 'done'))
    for (const outcomes of [first, second] as (typeof again)[]) {
      expect(outcomes.slice(1).filter((outcome) => typeof outcome !== 'string')).toEqual([])
    }
    const rows = await db.selectFrom('weapp_auth_identities').select(['openid', 'user_id']).execute()
    expect(new Set(rows.map((row) => row.user_id)).size).toBe(30)
    const owners = await db.selectFrom('weapp_auth_users').select('external_id').execute()
    expect(owners.filter((row) => row.external_id !== null).length).toBeGreaterThanOrEqual(29)
    expect(owners.length).toBe(31)
  })
})

// Only in PostgreSQL can a transaction see, at its second read, what another one has committed since the first.
describe.each(ENGINES.filter(([engine]) => engine === 'PostgreSQL'))('an import into %s', (_engine, openDatabase) => {
  let database: OpenDatabase
  beforeAll(async () => {
    database = await openDatabase()
  })
  afterAll(() => database.close())

  /** A user, about whom an import looks up a line with this unionid, and `work`, which is done after rows of this kind were read. */
  async function setUp(
    isRead: (row: Record<string, unknown>) => boolean,
    work: (users: UserStore, id: string) => Promise<unknown>,
  ) {
    const { db } = database
    await empty(db)
    const opened = open(db)
    await opened.signIn('oAlice', 'uAlice')
    const { id = '' } = (await opened.users.findUserByIdentity(APPID, 'oAlice')) ?? {}
    let isFirst = true
    const interrupted: KyselyPlugin = {
      transformQuery: ({ node }) => node,
      async transformResult({ result }) {
        if (isFirst && result.rows.some(isRead)) {
          isFirst = false
          await work(opened.users, id)
        }
        return result
      },
    }
    return { ...opened, id, takeInterrupted: open(db.withPlugin(interrupted)).take }
  }
  const isUser = (row: Record<string, unknown>) => 'nickname' in row

  it('a line about a user who is erased while the line is looked up makes a new user, who has all of it', async () => {
    const { take, takeInterrupted, users, id } = await setUp(
      (row) => 'unionid' in row && !('appid' in row),
      async (users, id) => {
        await users.beginErasure(id, 1)
        await users.eraseUser(id)
      },
    )
    const line = { external_id: '17', unionid: 'uAlice' }
    expect(await takeInterrupted([line])).toEqual(['made'])
    expect(await users.findUser(id)).toBeNull()
    expect(await take([line])).toEqual(['done'])
  })

  it('a user whose erasure begins while a line about the user is looked up gets nothing', async () => {
    const { takeInterrupted, id } = await setUp(isUser, (users, id) => users.beginErasure(id, 1))
    const outcomes = await takeInterrupted([{ unionid: 'uAlice', nickname: 'Alice' }])
    expect(outcomes).toEqual([{ refused: `user ${id} is being erased` }])
  })

  it.each<[what: string, line: ImportLine, change: (users: UserStore, id: string) => Promise<unknown>]>([
    ['externalId', { external_id: '17' }, (users, id) => users.setExternalId(id, 'own', false)],
    ['nickname', { nickname: 'Alice' }, (users, id) => users.updateProfile(id, { nickname: 'own' })],
    [
      'avatarUrl',
      { avatar_url: 'https://pics.example.com/a.jpg' },
      (users, id) => users.updateProfile(id, { avatarUrl: 'own' }),
    ],
  ])('the %s that a user gets while a line about the user is looked up stays', async (_, line, change) => {
    const { takeInterrupted, users, id } = await setUp(isUser, change)
    const [column] = Object.keys(line)
    const outcomes = await takeInterrupted([{ ...line, unionid: 'uAlice' }])
    expect(outcomes).toEqual([{ refused: `user ${id} has another ${column}, which stays` }])
    const { externalId, profile } = (await users.findUser(id)) ?? {}
    expect([externalId, profile?.nickname, profile?.avatarUrl]).toContain('own')
  })
})

it('an import takes 1000 lines at a time, and says so when there are more', async () => {
  const { db, close } = await openSqlite()
  onTestFinished(close)
  const { take } = open(db)
  const lines = Array.from({ length: MAX_IMPORT_LINES }, (_, n) => ({ external_id: `e${n}` }))
  expect(new Set(await take(lines))).toEqual(new Set(['made']))
  await expect(take([...lines, ALICE])).rejects.toThrow(new RangeError('at most 1000 lines at a time'))
})

describe('an import that was killed', () => {
  /** Users as they are, each revealed by several lines that say a part of it. */
  const file = fc
    .array(
      fc.record({
        who: fc.integer({ min: 0, max: 5 }),
        says: fc.subarray(['identity', 'unionid', 'phone', 'nickname', 'contradiction'] as const),
      }),
      { minLength: 1, maxLength: 20 },
    )
    .map((lines) =>
      lines.map(({ who, says }): ImportLine => {
        const isWrong = says.includes('contradiction')
        return {
          external_id: `e${who}`,
          ...(says.includes('identity') && { appid: APPID, openid: `o${isWrong ? 9 : who}` }),
          ...(says.includes('unionid') && { unionid: `u${who}` }),
          ...(says.includes('phone') && { phone: `1380013800${isWrong ? 9 : who}` }),
          ...(says.includes('nickname') && { nickname: isWrong ? 'nobody' : `n${who}` }),
        }
      }),
    )

  it('an import that was killed and is started again ends as one that was not, whatever its batches are', async () => {
    await fc.assert(
      fc.asyncProperty(file, fc.nat(), fc.integer({ min: 1, max: 7 }), async (lines, at, size) => {
        const [whole, killed] = await Promise.all([openSqlite(), openSqlite()])
        const outcomes = await open(whole.db).take(lines)
        const { take } = open(killed.db)
        for (let from = 0; from < at % lines.length; from += size) await take(lines.slice(from, from + size))
        const again = []
        for (let from = 0; from < lines.length; from += size)
          again.push(...(await take(lines.slice(from, from + size))))
        expect(again.map(isRefused)).toEqual(outcomes.map(isRefused))
        expect(await dump(killed.db)).toEqual(await dump(whole.db))
        await Promise.all([whole.close(), killed.close()])
      }),
      { numRuns: 40 },
    )
  })
})

const isRefused = (outcome: unknown) => typeof outcome !== 'string'

/** Everything that is known of users, by external_id: ids are random. */
async function dump(db: Kysely<UsersDatabase>) {
  const users = await db.selectFrom('weapp_auth_users').selectAll().orderBy('external_id').execute()
  const identities = await db.selectFrom('weapp_auth_identities').selectAll().orderBy('openid').execute()
  const unionids = await db.selectFrom('weapp_auth_unionids').selectAll().orderBy('unionid').execute()
  const phones = await db.selectFrom('weapp_auth_phones').select(['user_id', 'proven_at']).execute()
  const nameOf = (id: string) => users.find((user) => user.id === id)?.external_id
  return {
    users: users.map(({ id: _, ...user }) => user),
    identities: identities.map(({ user_id, ...row }) => ({ ...row, of: nameOf(user_id) })),
    unionids: unionids.map(({ user_id, ...row }) => ({ ...row, of: nameOf(user_id) })),
    phones: phones
      .map(({ user_id, ...row }) => ({ ...row, of: nameOf(user_id) }))
      .sort((a, b) => (`${a.of}` < `${b.of}` ? -1 : 1)),
  }
}
