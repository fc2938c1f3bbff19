/** What is a secret and appears under an alias only. */
export type SecretKind = 'code' | 'token' | 'key' | 'accessToken' | 'phoneCode'

/** A secret that has a name. */
export interface NamedSecret {
  kind: SecretKind
  value: string
  alias: string
}

/** The names of secrets, and where a text holds one of them. */
export interface Aliases {
  /** The name of a secret: the one it has, `known`, or a new one. */
  name(kind: SecretKind, value: string, known?: string): string
  /** The secrets that `text` holds. How many there are in all hardly matters: ten thousand phones have fifty thousand. */
  findIn(text: string): NamedSecret[]
}

const PREFIX: Record<SecretKind, string> = { code: 'c', token: '#', key: 'k', accessToken: 'a', phoneCode: 'p' }

/** A secret is looked up by its first characters; one that has fewer is looked for in every text. */
const HEAD_LENGTH = 6

/** @param limit how many names of each kind are kept; beyond it the oldest go */
export function createAliases(limit: number): Aliases {
  const byKind: Record<SecretKind, Map<string, NamedSecret>> = {
    code: new Map(),
    token: new Map(),
    key: new Map(),
    accessToken: new Map(),
    phoneCode: new Map(),
  }
  const lastNumber: Record<SecretKind, number> = { code: 0, token: 0, key: 0, accessToken: 0, phoneCode: 0 }
  const byHead = new Map<string, Set<NamedSecret>>()

  function add(secret: NamedSecret): void {
    const named = byKind[secret.kind]
    named.set(secret.value, secret)
    const head = headOf(secret.value)
    byHead.set(head, (byHead.get(head) ?? new Set()).add(secret))
    const [oldest] = named.size > limit ? named.values() : []
    if (oldest) forget(oldest)
  }

  function forget(secret: NamedSecret): void {
    byKind[secret.kind].delete(secret.value)
    const head = headOf(secret.value)
    const others = byHead.get(head)
    others?.delete(secret)
    if (others?.size === 0) byHead.delete(head)
  }

  return {
    name(kind, value, known) {
      const named = byKind[kind].get(value)
      if (named) return named.alias
      const alias = known ?? `${PREFIX[kind]}${lastNumber[kind] + 1}`
      add({ kind, value, alias })
      // A name that was taken over is not given out again.
      lastNumber[kind] = Math.max(lastNumber[kind], Number(alias.slice(1)) || 0)
      return alias
    },

    findIn(text) {
      const heads = new Set([SHORT])
      for (let start = 0; start + HEAD_LENGTH <= text.length; start++) heads.add(text.slice(start, start + HEAD_LENGTH))
      const candidates = [...heads].flatMap((head) => [...(byHead.get(head) ?? [])])
      // The longest first: what is replaced must not leave the rest of a longer one.
      return candidates
        .filter(({ value }) => value !== '' && text.includes(value))
        .sort((a, b) => b.value.length - a.value.length)
    },
  }
}

/** Where the secrets lie that have fewer characters than a head. */
const SHORT = ''

function headOf(value: string): string {
  return value.length < HEAD_LENGTH ? SHORT : value.slice(0, HEAD_LENGTH)
}
