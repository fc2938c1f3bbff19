import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto'

const KEY_BYTES = 32
const NONCE_BYTES = 12
const TAG_BYTES = 16

/** Whose session_key it is: a sealed one cannot be opened as another user's. */
export interface KeyOwner {
  appid: string
  openid: string
}

/** Seals WeChat's session_keys for storage. */
export interface SessionKeyVault {
  seal(sessionKey: string, owner: KeyOwner): string
  /** @throws Error when the text was changed, belongs to another owner, or its key is not in the ring */
  open(sealed: string, owner: KeyOwner): string
  /**
   * Says nothing about the session_key, and tells whether WeChat rotated it: one fingerprint for each key of the ring. Keep
   * the first; the session_key is the same when what was kept is among those of the new one.
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
  const ring = new Map(o.keys.split(',').map(parseEntry))
  const [kid, key] = [...ring][0] as [string, Buffer]
  if (ring.size !== o.keys.split(',').length) throw new TypeError('keys must not name a kid twice')
  const fingerprintKeys = [...ring.values()].map(deriveFingerprintKey) as [Buffer, ...Buffer[]]

  return {
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
      const print = (fingerprintKey: Buffer) =>
        createHmac('sha256', fingerprintKey).update(aad(owner)).update('\0').update(sessionKey).digest('base64url')
      const [first, ...others] = fingerprintKeys
      return [print(first), ...others.map(print)]
    },
  }
}

/** A key of its own: one key does one thing. */
function deriveFingerprintKey(key: Buffer): Buffer {
  return Buffer.from(hkdfSync('sha256', key, '', 'weapp-auth session_key fingerprint', KEY_BYTES))
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
