import type { Compilable, CompiledQuery, Kysely } from 'kysely'
import type { UsersDatabase } from './database.ts'

/** A statement that was built once. `db` may be a transaction. */
export type Statement<V, R> = (db: Kysely<UsersDatabase>, values: V) => Promise<R[]>

/**
 * Builds and compiles a statement once, because that takes longer than the database needs for it. `build` gets a stand-in for
 * each value, by its name, and may use it wherever a value may stand.
 *
 * A text that an engine would change, or refuse on its own terms, is refused here, in every statement: half of a surrogate
 * pair is stored as U+FFFD by some engines, so that two identifiers would become one, and PostgreSQL knows no NUL.
 */
export function prepare<V extends object, R>(build: (values: V) => Compilable<R>): Statement<V, R> {
  const standIns = new Proxy({}, { get: (_, name) => new StandIn(String(name)) })
  const compiled = build(standIns as V).compile()
  if (!fixed.has(compiled.sql)) fixed.set(compiled.sql, `weapp_auth_${fixed.size}`)
  return async (db, values) => {
    const parameters = compiled.parameters.map((parameter) =>
      parameter instanceof StandIn ? checkText(values[parameter.name as keyof V]) : parameter,
    )
    const { rows } = await db.executeQuery({ ...compiled, parameters } as CompiledQuery<R>)
    return rows
  }
}

/** The texts of all statements that were built, each with a name. */
const fixed = new Map<string, string>()

/**
 * A name for a statement of the stores whose text never changes; there are some fifty. A driver may prepare these once for each
 * connection, and spare the database the planning of every execution. Null: the text was made for one execution.
 */
export function findStatementName(text: string): string | null {
  return fixed.get(text) ?? null
}

/** Whether a text can be stored as it is. One that cannot is nowhere in the database. */
export function isStorable(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0')
}

/** @throws RangeError when a text cannot be stored as it is */
export function checkText<T>(value: T): T {
  if (typeof value === 'string' && !isStorable(value)) {
    throw new RangeError('a text holds NUL or half of a surrogate pair')
  }
  return value
}

class StandIn {
  readonly name: string

  constructor(name: string) {
    this.name = name
  }
}
