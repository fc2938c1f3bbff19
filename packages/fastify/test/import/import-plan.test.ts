import { describe, expect, it } from 'vitest'
import {
  createImportWrites,
  type DigestedUser,
  type ImportOutcome,
  type ImportWrites,
  identityKey,
  type KnownUsers,
  planLine,
} from '../../src/import/import-plan.ts'

const NOW_MS = 2_000
const NOTHING: DigestedUser = {
  externalId: null,
  identity: null,
  unionid: null,
  phone: null,
  phoneDigest: null,
  nickname: '',
  avatarUrl: '',
  createdAtMs: null,
}
const IDENTITY = { appid: 'wx1', openid: 'oAlice' }
const PHONE = { phone: { countryCode: '86', number: '13800138000' }, phoneDigest: 'dAlice' }
const ALICE: DigestedUser = {
  externalId: '17',
  identity: IDENTITY,
  unionid: 'uAlice',
  ...PHONE,
  nickname: 'Alice',
  avatarUrl: 'https://pics.example.com/a.jpg',
  createdAtMs: 1_000,
}

type Said = Partial<DigestedUser>

/** Lines of one import, into a database of no users. Each knows what the lines before it brought. */
function startImport() {
  const known: KnownUsers = {
    byExternalId: new Map(),
    byIdentity: new Map(),
    byUnionid: new Map(),
    byPhoneDigest: new Map(),
  }
  /** What becomes of a line, and what is written for it alone. */
  function plan(line: Said): { outcome: ImportOutcome; writes: ImportWrites } {
    const writes = createImportWrites()
    return { outcome: planLine(known, writes, { ...NOTHING, ...line }, NOW_MS), writes }
  }
  const outcomeOf = (line: Said) => plan(line).outcome
  /** A new user; answers the id. */
  function make(line: Said): string {
    const { outcome, writes } = plan(line)
    expect(outcome).toBe('made')
    return writes.users[0]?.id ?? ''
  }
  return { known, plan, outcomeOf, make }
}

describe('a line of an import', () => {
  it('the first line about a user writes all that it says, and the same line again writes nothing', () => {
    const { plan } = startImport()
    const { outcome, writes } = plan(ALICE)
    const userId = writes.users[0]?.id ?? ''
    expect(outcome).toBe('made')
    expect(writes).toEqual({
      users: [{ id: userId, externalId: '17', nickname: 'Alice', avatarUrl: ALICE.avatarUrl, createdAtMs: 1_000 }],
      identities: [{ ...IDENTITY, userId, unionid: 'uAlice' }],
      unionids: [{ unionid: 'uAlice', userId }],
      phones: [{ userId, line: ALICE }],
      filled: [],
      learned: [],
    })
    expect(plan(ALICE)).toEqual({ outcome: 'done', writes: createImportWrites() })
  })

  it('a user is found by each thing in a line that names one, and a line that says less is no difference', () => {
    const { plan, make } = startImport()
    make(ALICE)
    make({ externalId: '18', identity: { appid: 'wx1', openid: 'oBob' }, unionid: 'uBob' })
    for (const line of [{ externalId: '17' }, { identity: IDENTITY }, { unionid: 'uAlice' }, PHONE]) {
      expect(plan(line), JSON.stringify(line)).toEqual({ outcome: 'done', writes: createImportWrites() })
    }
  })

  it('what a user has not yet is written, and the next line finds it', () => {
    const known = { externalId: '17' }
    const userId = expect.any(String)
    const second = { appid: 'wx2', openid: 'o2' }
    const cases: [first: Said, line: Said, written: Partial<ImportWrites>][] = [
      [
        { identity: IDENTITY },
        { identity: IDENTITY, externalId: '17' },
        { filled: [{ userId, field: 'externalId', value: '17' }] },
      ],
      [known, { ...known, nickname: 'Alice' }, { filled: [{ userId, field: 'nickname', value: 'Alice' }] }],
      [
        known,
        { ...known, avatarUrl: 'https://pics.example.com/a.jpg' },
        { filled: [{ userId, field: 'avatarUrl', value: 'https://pics.example.com/a.jpg' }] },
      ],
      [known, { ...known, identity: IDENTITY }, { identities: [{ ...IDENTITY, userId, unionid: null }] }],
      [
        { identity: IDENTITY, unionid: 'uAlice' },
        { identity: second, unionid: 'uAlice' },
        { identities: [{ ...second, userId, unionid: 'uAlice' }] },
      ],
      [known, { ...known, unionid: 'uAlice' }, { unionids: [{ unionid: 'uAlice', userId }] }],
      [
        { identity: IDENTITY },
        { identity: IDENTITY, unionid: 'uAlice' },
        { learned: [{ ...IDENTITY, unionid: 'uAlice' }], unionids: [{ unionid: 'uAlice', userId }] },
      ],
      [known, { ...known, ...PHONE }, { phones: [{ userId, line: { ...NOTHING, ...known, ...PHONE } }] }],
    ]
    for (const [first, line, written] of cases) {
      const { plan, outcomeOf, make } = startImport()
      const id = make(first)
      const filled = plan(line)
      expect(filled).toEqual({ outcome: 'filled', writes: { ...createImportWrites(), ...written } })
      for (const row of Object.values(filled.writes).flat()) if ('userId' in row) expect(row.userId).toBe(id)
      expect(outcomeOf(line)).toBe('done')
      // Each of these names somebody alone.
      for (const name of ['externalId', 'identity', 'unionid'] as const) {
        if (line[name]) expect(outcomeOf({ [name]: line[name] }), name).toBe('done')
      }
      if (line.phone) expect(outcomeOf(PHONE)).toBe('done')
    }
  })

  it('a line that contradicts what a user has is refused, and adds nothing', () => {
    const { plan, make } = startImport()
    const id = make(ALICE)
    const others: [line: Said, column: string][] = [
      [{ externalId: '18' }, 'external_id'],
      [{ identity: { appid: 'wx1', openid: 'oOther' } }, 'openid in this mini-program'],
      [{ unionid: 'uOther' }, 'unionid'],
      [{ phoneDigest: 'dOther' }, 'phone number'],
      [{ nickname: 'Alicia' }, 'nickname'],
      [{ avatarUrl: 'https://pics.example.com/b.jpg' }, 'avatar_url'],
    ]
    for (const [line, column] of others) {
      expect(plan({ ...ALICE, ...line })).toEqual({
        outcome: { refused: `user ${id} has another ${column}, which stays` },
        writes: createImportWrites(),
      })
    }
    expect(plan(ALICE).outcome).toBe('done')
  })

  it('a line that names two users is refused, and says which column names whom', () => {
    const { outcomeOf, make } = startImport()
    const alice = make({ externalId: '17', identity: IDENTITY })
    const bob = make({ externalId: '18', unionid: 'uBob' })
    expect(outcomeOf({ externalId: '18', identity: IDENTITY })).toEqual({
      refused: `external_id belongs to user ${bob}, and openid to user ${alice}`,
    })
    expect(outcomeOf({ externalId: '17', identity: IDENTITY, unionid: 'uBob' })).toEqual({
      refused: `external_id belongs to user ${alice}, and unionid to user ${bob}`,
    })
  })

  it('a phone number of another user is refused, be the user of the line new or known', () => {
    const { outcomeOf, make } = startImport()
    const alice = make({ externalId: '17', ...PHONE })
    make({ externalId: '18' })
    const refused = { refused: `phone is the number of user ${alice}, and stays there` }
    for (const externalId of ['18', '19']) expect(outcomeOf({ externalId, ...PHONE })).toEqual(refused)
    expect(outcomeOf({ externalId: '17', ...PHONE })).toBe('done')
  })

  it('a user who is being erased gets nothing', () => {
    const { known, plan, make } = startImport()
    const id = make(ALICE)
    Object.assign(known.byIdentity.get(identityKey(IDENTITY)) ?? {}, { isErasing: true })
    const refused = { refused: `user ${id} is being erased` }
    expect(plan(ALICE)).toEqual({ outcome: refused, writes: createImportWrites() })
    expect(plan({ identity: IDENTITY, nickname: 'Al' }).outcome).toEqual(refused)
  })

  it('one openid in two mini-programs, and two openids in one, are different users', () => {
    const { outcomeOf } = startImport()
    const identities = [IDENTITY, { appid: 'wx2', openid: 'oAlice' }, { appid: 'wx1', openid: 'oBob' }]
    for (const identity of identities) expect(outcomeOf({ identity })).toBe('made')
    for (const identity of identities) expect(outcomeOf({ identity })).toBe('done')
  })

  it('a user of whom no line tells the time was made now', () => {
    const { plan } = startImport()
    for (const [n, createdAtMs] of [null, NOW_MS + 1].entries()) {
      expect(plan({ externalId: `${n}`, createdAtMs }).writes.users).toMatchObject([{ createdAtMs: NOW_MS }])
    }
  })
})
