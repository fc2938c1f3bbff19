/** Members in groups that are found by name. */
export interface Groups<T> {
  add(name: string, member: T): void
  remove(name: string, member: T): void
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
      group?.delete(member)
      if (group?.size === 0) groups.delete(name)
    },
    get: (name) => groups.get(name) ?? NOBODY,
    *all() {
      for (const group of groups.values()) yield* group
    },
  }
}
