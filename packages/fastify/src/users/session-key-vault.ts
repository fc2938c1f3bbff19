import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto'

const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** Whose session_key it is: a sealed one cannot be opened as another user's. */
export interface KeyOwner {
  appid: string
  openid: string
}

/** Names a key of the ring, and tells it from any other key of the same name. */
export interface KeyMark {
  kid: string
  /** Derived from the key, and tells nothing about it. */
  fingerprint: string
}

/** Seals WeChat's session_keys for storage. */
export interface SessionKeyVault {
  /** All keys of the ring. The first one seals. */
  ring: readonly [KeyMark, ...KeyMark[]]
  seal(sessionKey: string, owner: KeyOwner): string
  /** @throws Error when the text was changed, belongs to another owner, or its key is not in the ring */
  open(sealed: string, owner: KeyOwner): string
  /**
   * One fingerprint of a session_key for each key of the ring, to tell whether WeChat rotated it. Store the first. The
   * session_key is the same as before when the stored fingerprint is among the new ones.
   */
  fingerprints(sessionKey: string, owner: KeyOwner): [string, ...string[]]
}

/**
 * AES-256-GCM under a ring of keys, with (appid, openid) as the additional data. A sealed text is
 * `<kid>.<base64url of nonce, ciphertext and tag>`.
 *
 * To rotate, put a new key in front: it seals from then on, and the old ones still open.
 *
 * @param o.keys `kid:base64,kid:base64`, each key 32 bytes; {@link generateVaultKey} makes one entry
 * @throws TypeError that names the entry, never the key
 */
export function createSessionKeyVault(o: { keys: string }): SessionKeyVault {
  const entries = o.keys.split(',').map(parseEntry)
  // Made once: a key of bytes is set up anew at every use.
  const ring = new Map(entries.map(([kid, key]) => [kid, createSecretKey(key)]))
  if (ring.size !== entries.length) throw new TypeError('keys must not name a kid twice')
  const [kid, key] = [...ring][0] as [string, KeyObject]
  const fingerprintKeys = entries.map(([, key]) => createSecretKey(derive(key, 'weapp-auth session_key fingerprint')))
  const marks = entries.map(([kid, key]) => ({
    kid,
    fingerprint: derive(key, 'weapp-auth key fingerprint').toString('base64url'),
  }))

  return {
    ring: marks as [KeyMark, ...KeyMark[]],

    seal(sessionKey, owner) {
      const nonce = randomBytes(NONCE_BYTES)
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(aad(owner))
      const sealed = Buffer.concat([nonce, cipher.update(sessionKey, 'utf8'), cipher.final(), cipher.getAuthTag()])
      return `${kid}.${sealed.toString('base64url')}`
    },

    open(sealed, owner) {
      const [sealedBy = '', text = ''] = sealed.split('.')
      const opener = ring.get(sealedBy)
      if (!opener) throw new Error('a session_key was sealed with a key that is not in the ring')
      const bytes = Buffer.from(text, 'base64url')
      if (bytes.length < NONCE_BYTES + TAG_BYTES) throw new Error('a sealed session_key is too short')
      const decipher = createDecipheriv('aes-256-gcm', opener, bytes.subarray(0, NONCE_BYTES))
      decipher.setAAD(aad(owner)).setAuthTag(bytes.subarray(-TAG_BYTES))
      return decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8')
    },

    fingerprints(sessionKey, owner) {
      const text = `${aad(owner)}\0${sessionKey}`
      return fingerprintKeys.map((key) => createHmac('sha256', key).update(text).digest('base64url')) as [string]
    },
  }
}

/** A key of its own for each purpose. */
function derive(key: Buffer, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', key, '', purpose, KEY_BYTES))
}

/** One new entry of a key ring, `kid:base64`. */
export function generateVaultKey(): string {
  return `${randomBytes(4).toString('hex')}:${randomBytes(KEY_BYTES).toString('base64')}`
}

function parseEntry(entry: string, index: number): [string, Buffer] {
  const [, kid, base64] = /^([\w-]{1,32}):([A-Za-z0-9+/]{43}=)$/.exec(entry.trim()) ?? []
  if (!kid || !base64) {
    throw new TypeError(`keys must be kid:base64,kid:base64 with keys of ${KEY_BYTES} bytes: entry ${index + 1} is not`)
  }
  return [kid, Buffer.from(base64, 'base64')]
}

function aad({ appid, openid }: KeyOwner): Buffer {
  return Buffer.from(JSON.stringify([appid, openid]))
}
