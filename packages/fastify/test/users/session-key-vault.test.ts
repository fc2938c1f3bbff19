import { describe, expect, it } from 'vitest'
import { createSessionKeyVault, generateVaultKey } from '../../src/index.ts'

const SESSION_KEY = 'tiihtNczf5v6AKRyjwEUhQ=='
const OWNER = { appid: 'wx1', openid: 'o1' }

describe('the vault', () => {
  it('the vault opens what it sealed, and seals differently each time', () => {
    const vault = createSessionKeyVault({ keys: generateVaultKey() })
    const sealed = vault.seal(SESSION_KEY, OWNER)
    expect(vault.open(sealed, OWNER)).toBe(SESSION_KEY)
    expect(vault.seal(SESSION_KEY, OWNER)).not.toBe(sealed)
  })

  it.each([
    { appid: 'wx2', openid: 'o1' },
    { appid: 'wx1', openid: 'o2' },
    { appid: 'wx1","o1', openid: '' },
  ])('the vault does not open a session_key for %j', (other) => {
    const vault = createSessionKeyVault({ keys: generateVaultKey() })
    expect(() => vault.open(vault.seal(SESSION_KEY, OWNER), other)).toThrow()
  })

  it('the vault does not open what was changed in any byte', () => {
    const vault = createSessionKeyVault({ keys: generateVaultKey() })
    const [kid, text = ''] = vault.seal(SESSION_KEY, OWNER).split('.')
    const bytes = Buffer.from(text, 'base64url')
    for (let i = 0; i < bytes.length; i++) {
      const changed = Buffer.from(bytes)
      changed[i] = (changed[i] ?? 0) ^ 1
      expect(() => vault.open(`${kid}.${changed.toString('base64url')}`, OWNER)).toThrow()
    }
    expect(() => vault.open(`${kid}.AAAA`, OWNER)).toThrow('too short')
  })

  it('the vault opens what an older key sealed, while that key is in the ring', () => {
    const [old, fresh] = [generateVaultKey(), generateVaultKey()]
    const sealed = createSessionKeyVault({ keys: old }).seal(SESSION_KEY, OWNER)
    const rotated = createSessionKeyVault({ keys: `${fresh},${old}` })
    expect(rotated.open(sealed, OWNER)).toBe(SESSION_KEY)
    expect(rotated.seal(SESSION_KEY, OWNER).split('.')[0]).toBe(fresh.split(':')[0])
    expect(() => createSessionKeyVault({ keys: fresh }).open(sealed, OWNER)).toThrow('not in the ring')
  })

  it('the vault tells a rotated session_key by its fingerprints, also after a rotation of the ring', () => {
    const [old, fresh, other] = [generateVaultKey(), generateVaultKey(), generateVaultKey()]
    const [kept] = createSessionKeyVault({ keys: old }).fingerprints(SESSION_KEY, OWNER)
    const vault = createSessionKeyVault({ keys: `${fresh},${old}` })
    expect(vault.fingerprints(SESSION_KEY, OWNER)[0]).not.toBe(kept)
    expect(vault.fingerprints(SESSION_KEY, OWNER)).toContain(kept)
    expect(vault.fingerprints('AAAAAAAAAAAAAAAAAAAAAA==', OWNER)).not.toContain(kept)
    expect(vault.fingerprints(SESSION_KEY, { ...OWNER, openid: 'o2' })).not.toContain(kept)
    expect(createSessionKeyVault({ keys: other }).fingerprints(SESSION_KEY, OWNER)).not.toContain(kept)
  })

  it('the vault of a later version opens and compares what this version has stored', () => {
    const vault = createSessionKeyVault({ keys: ` k1:${Buffer.alloc(32, 7).toString('base64')} ` })
    expect(vault.ring).toEqual([{ kid: 'k1', fingerprint: '_jXuh5QVhoUsKEuqIxKyBUmp-F43ds-qkbVsTN6Te14' }])
    expect(vault.fingerprints(SESSION_KEY, OWNER)).toEqual(['6CvJ7AO_q4Cl2xt6BMGBBwEfJV5uD_ZWK6S4Kf3xf9E'])
    const sealed = 'k1.rOs8QqM01iDYrtvJbUd6ELCESpvZhN9ut835sbHwoNnzbHmGkCFepGIXfGoMm4gIcNKmoQ'
    expect(vault.open(sealed, OWNER)).toBe(SESSION_KEY)
  })

  it.each([
    '',
    'k1',
    'k1:short',
    `k1:${'A'.repeat(44)}`,
    `k 1:${'A'.repeat(43)}=`,
    `k1:${'A'.repeat(43)}=,`,
    `k1:${'A'.repeat(43)}=x`,
    `:${'A'.repeat(43)}=`,
  ])('the vault refuses the ring %j and does not repeat it', (keys) => {
    const create = () => createSessionKeyVault({ keys })
    expect(create).toThrow(TypeError)
    expect(create).toThrow('keys must be kid:base64,kid:base64')
    expect(create).not.toThrow(/AAAA|short/)
  })

  it('the vault refuses a ring that names a key twice', () => {
    const [, key] = generateVaultKey().split(':')
    expect(() => createSessionKeyVault({ keys: `k1:${key},k1:${key}` })).toThrow('must not name a kid twice')
  })
})
