/** Members in groups that are found by name. */
export interface Groups<T> {
  add(name: string, member: T): void
  /** False when it was not there. */
  remove(name: string, member: T): boolean
  /** Members may be removed while they are gone through. */
  get(name: string): ReadonlySet<T>
  all(): Iterable<T>
}

const NOBODY: ReadonlySet<never> = new Set()

/** Makes {@link Groups}. A group exists while it has members. */
export function createGroups<T>(): Groups<T> {
  const groups = new Map<string, Set<T>>()
  return {
    add(name, member) {
      const group = groups.get(name)
      if (group) group.add(member)
      else groups.set(name, new Set([member]))
    },
    remove(name, member) {
      const group = groups.get(name)
      if (!group?.delete(member)) return false
      if (group.size === 0) groups.delete(name)
      return true
    },
    get: (name) => groups.get(name) ?? NOBODY,
    *all() {
      for (const group of groups.values()) yield* group
    },
  }
}
