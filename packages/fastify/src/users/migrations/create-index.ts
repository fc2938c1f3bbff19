import type { Kysely } from 'kysely'
import { engineOf } from '../engine.ts'

/** MySQL: there is an index of this name already. */
const ER_DUP_KEYNAME = 1061

/** An index of one of our tables. */
export interface NewIndex {
  name: string
  table: string
  columns: readonly string[]
  isUnique?: boolean
  /** Only rows that have something in this column stand in the index, where the engine can do that: MySQL cannot. */
  whereSet?: string
}

/** Creates an index unless a process that was killed has created it before. */
export async function createIndex(db: Kysely<unknown>, o: NewIndex): Promise<void> {
  const isMysql = engineOf(db) === 'mysql'
  try {
    await db.schema
      .createIndex(o.name)
      .on(o.table)
      .columns([...o.columns])
      .$call((index) => (o.isUnique ? index.unique() : index))
      .$call((index) => (isMysql ? index : index.ifNotExists()))
      .$call((index) => (isMysql || !o.whereSet ? index : index.where(o.whereSet as never, 'is not', null)))
      .execute()
  } catch (error) {
    // MySQL has no IF NOT EXISTS for an index.
    if ((error as { errno?: unknown }).errno !== ER_DUP_KEYNAME) throw error
  }
}
