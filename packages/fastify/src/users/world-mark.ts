import type { Kysely } from 'kysely'
import { explainOtherWorld, type World } from '../world.ts'
import type { UsersDatabase } from './database.ts'
import { faultOf } from './engine.ts'

const ONLY_ROW = 1

/** Null when the database belongs to this world, else one line for the operator. */
export async function findWorldClash(db: Kysely<UsersDatabase>, world: World): Promise<string | null> {
  const found = await markWorld(db, world)
  return found === world ? null : explainOtherWorld('this database', found, world)
}

/** The world that a database belongs to from now on: the one it was marked with before, else `world`. */
async function markWorld(db: Kysely<UsersDatabase>, world: World): Promise<string> {
  const find = () => db.selectFrom('weapp_auth_store').select('world').where('id', '=', ONLY_ROW).executeTakeFirst()
  const found = await find()
  if (found) return found.world
  try {
    await db.insertInto('weapp_auth_store').values({ id: ONLY_ROW, world }).execute()
  } catch (error) {
    // Another process has marked the database first.
    if (faultOf(error) !== 'constraint') throw error
  }
  return (await find())?.world ?? world
}
