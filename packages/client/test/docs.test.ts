import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { REVOCATION_REASONS } from '@weapp-auth/shared'
import { describe, expect, test } from 'vitest'
import { AuthError, type AuthErrorCode } from '../src/index.ts'
import { createPhone } from './phone.ts'
import { flush } from './watch.ts'

const CLIENT = join(import.meta.dirname, '..')
const contract = readFileSync(join(CLIENT, 'src/contract.ts'), 'utf8')
const shared = readFileSync(join(CLIENT, '../shared/src/api.ts'), 'utf8')

/** The members of an interface, by the declarations at its first level. */
function membersOf(source: string, name: string): string[] {
  const body = new RegExp(`interface ${name}\\b[^{]*{\\n([\\s\\S]*?)\\n}`).exec(source)?.[1] ?? ''
  return [...new Set([...body.matchAll(/^ {2}(\w+)[?(<:]/gm)].map(([, member]) => member ?? ''))]
}

const codes = [...(/AuthErrorCode =([\s\S]*?)\n\n/.exec(contract)?.[1] ?? '').matchAll(/'(\w+)'/g)].map(
  ([, code]) => code,
)

describe.each(['README.md', 'README.zh-CN.md'])('%s', (file) => {
  const readme = readFileSync(join(CLIENT, file), 'utf8')
  const tables = readme.split(/\n#{2,3} /).map((part) => ({
    title: part.split('\n')[0] ?? '',
    /** The names in the first column, calls without their arguments. */
    rows: [...part.matchAll(/^\| (`[^|]*`) \|/gm)].flatMap(([, cell = '']) =>
      [...cell.matchAll(/`(\w+)/g)].map(([, name]) => name ?? ''),
    ),
    part,
  }))
  const rowsOf = (title: RegExp) => tables.find((table) => title.test(table.title))?.rows

  test('has every call of auth and no other', () => {
    expect(rowsOf(/^API/)?.sort()).toEqual([...membersOf(contract, 'Auth'), 'createAuth', 'isAuthError'].sort())
  })

  test('has every option of createAuth and no other', () => {
    expect(rowsOf(/`createAuth`/)?.sort()).toEqual(membersOf(contract, 'CreateAuthOptions').sort())
  })

  test('has every option of a call and no other', () => {
    expect(rowsOf(/beyond|多出/)?.sort()).toEqual(membersOf(contract, 'AuthOptions').sort())
  })

  test('has every event and no other', () => {
    expect(rowsOf(/^Events|^事件/)?.sort()).toEqual(membersOf(contract, 'AuthEvents').sort())
  })

  test('has every error code and no other', () => {
    expect(codes.length).toBeGreaterThan(10)
    expect(rowsOf(/^Errors|^错误/)?.sort()).toEqual([...codes].sort())
  })

  test('has the defaults of the code', () => {
    const source = readFileSync(join(CLIENT, 'src/auth.ts'), 'utf8')
    const taken = /createAuth<[\s\S]*?const {\n([\s\S]*?)} = options/.exec(source)?.[1] ?? ''
    // Those that are a word: what the functions do is said in words.
    const defaults = [...taken.matchAll(/^ +(\w+) = ([^(]*?),$/gm)].map(([, name, value]) => [name, value])
    expect(defaults.length).toBeGreaterThan(5)
    for (const [name, value] of [...defaults, ['encrypt', 'false'], ['auth', "'required'"], ['replay', 'true']]) {
      expect(readme).toContain(`\n| \`${name}\` | \`${value}\` |`)
    }
  })

  test('says of every error whether it is worth another try', () => {
    for (const code of codes) {
      const [, yes = ''] = new RegExp(`^\\| \`${code}\` \\| (\\S*) ?\\|`, 'm').exec(readme) ?? []
      expect([code, yes !== '']).toEqual([code, new AuthError(code as AuthErrorCode, '').retryable])
    }
  })

  test('has every reason of a logout', () => {
    const { part = '' } = tables.find(({ title }) => /^Events|^事件/.test(title)) ?? {}
    for (const name of [...REVOCATION_REASONS, 'expired']) expect(part).toContain(`\`${name}\``)
  })

  test.each([
    ['Session', contract],
    ['UserProfile', shared],
    ['AuthErrorDetails', contract, 'AuthError'],
  ])('shows the shape of %s', (name, source, shown = name) => {
    const members = membersOf(source, name)
    expect(members.length).toBeGreaterThan(3)
    expect(membersOf(readme, shown)).toEqual(expect.arrayContaining(members))
  })
})

describe('the guide', () => {
  test('says the same in both languages: the same samples under as many headings', () => {
    const [english, chinese] = ['docs/guide.md', 'docs/guide.zh-CN.md'].map((file) =>
      readFileSync(join(CLIENT, file), 'utf8'),
    )
    const samples = (text = '') =>
      [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code = '']) => code.replace(/\/\/.*$/gm, '').trim())
    expect(samples(chinese)).toEqual(samples(english))
    expect(samples(english).length).toBeGreaterThan(10)
    const headings = (text = '') => text.match(/^## /gm)?.length
    expect(headings(chinese)).toBe(headings(english))
  })
})

describe('what README and migration guide say of', () => {
  test('clearStorageSync() after a sign-out: the next start signs in silently', async () => {
    const phone = createPhone()
    const { auth } = phone
    await auth.ensureLogin()
    await auth.logout()
    await flush()
    await expect(phone.restart().ready()).resolves.toBeNull()
    expect(phone.count('wx.login')).toBe(1)

    phone.device.wx.clearStorageSync()
    await expect(phone.restart().ready()).resolves.toMatchObject({ user: { id: expect.any(String) } })
    expect(phone.count('wx.login')).toBe(2)
  })

  test('getSession(): null until the storage was read', async () => {
    const phone = createPhone()
    await phone.auth.ensureLogin()
    await flush()
    const auth = phone.restart()
    expect(auth.getSession()).toBeNull()
    await auth.ready()
    expect(auth.getSession()).not.toBeNull()
  })

  test('force: signs in anew although there is a session', async () => {
    const { auth, count } = createPhone()
    await auth.ensureLogin()
    await auth.ensureLogin()
    expect(count('wx.login')).toBe(1)
    await auth.ensureLogin({ force: true })
    expect(count('wx.login')).toBe(2)
  })
})
