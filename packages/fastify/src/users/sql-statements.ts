import { type InsertQueryBuilder, type InsertResult, type Kysely, type Selectable, type SqlBool, sql } from 'kysely'
import type { UsersDatabase, UsersTable } from './database.ts'
import { type Engine, engineOf } from './engine.ts'
import { prepare, type Statement } from './prepared.ts'
import { EMPTY_PROFILE } from './profile.ts'

/*
 * The statements of the user store, built once. What several processes may do at the same time is decided by one statement:
 * of many that insert one row, the first inserts it, the others wait for its transaction and then find the row. Transactions
 * write an identity first and its unionid second, so that no two wait for each other.
 */

/** A row of the table of users. */
export type UserRow = Selectable<UsersTable>

/** What names an identity. */
interface Named {
  appid: string
  openid: string
}

/** A sealed session_key. `fingerprint0`, `fingerprint1` and so on are its fingerprints, one for each key of the ring. */
export interface Key {
  session_key: string
  now: number
  [fingerprint: `fingerprint${number}`]: string
}

interface NewIdentity extends Named, Key {
  user_id: string
  unionid: string | null
}

interface Conflict {
  user_id: string
  other_user_id: string
  unionid: string
}

/** What {@link prepareStatements} makes. */
export type Statements = ReturnType<typeof prepareStatements>

/**
 * With so many keys of the ring a stored session_key is compared: the key ring of a running service can be replaced, and a
 * statement is prepared once. A session_key that a later key of the ring sealed counts as another one at the next sign-in, and is
 * kept as its own predecessor.
 */
export const COMPARED_KEYS = 4

/** The statements of the users' tables, each prepared once. */
export function prepareStatements(db: Kysely<UsersDatabase>) {
  const engine = engineOf(db)
  const fingerprints = (p: Key) => Array.from({ length: COMPARED_KEYS }, (_, i) => p[`fingerprint${i}`])
  /** Takes a session_key. In MySQL an assignment sees what those before it have assigned, so the order matters. */
  const newKey = (p: Key) => ({
    previous_session_key: sql<string | null>`case when session_key_fingerprint in (${sql.join(fingerprints(p))})
      then previous_session_key else nullif(session_key, '') end`,
    session_key: p.session_key,
    session_key_fingerprint: p.fingerprint0 as string,
    updated_at: p.now,
  })

  const selectUser = (p: { id: string }) => db.selectFrom('weapp_auth_users').selectAll().where('id', '=', p.id)
  const selectIdentity = db
    .selectFrom('weapp_auth_identities')
    .select(['openid', 'user_id', 'unionid', 'session_key', 'previous_session_key'])
  const updateIdentity = (p: Named) =>
    db.updateTable('weapp_auth_identities').where('appid', '=', p.appid).where('openid', '=', p.openid)

  const insertIdentity = (p: NewIdentity) =>
    unlessThere(
      engine,
      db.insertInto('weapp_auth_identities').values({
        appid: p.appid,
        openid: p.openid,
        user_id: p.user_id,
        unionid: p.unionid,
        session_key: p.session_key,
        session_key_fingerprint: p.fingerprint0 as string,
        previous_session_key: null,
        created_at: p.now,
        updated_at: p.now,
      }),
      ['appid', 'openid'],
    )
  const insertUnionid = (p: { unionid: string; user_id: string }) =>
    unlessThere(engine, db.insertInto('weapp_auth_unionids').values({ unionid: p.unionid, user_id: p.user_id }), [
      'unionid',
    ])

  return {
    /** A known user with nothing new but a session_key: takes it and answers the user. Null where that needs two statements. */
    signInKnown:
      engine !== 'postgres'
        ? null
        : prepare((p: Named & Key & { unionid: string | null }) =>
            db
              .updateTable('weapp_auth_identities as i')
              .from('weapp_auth_users as u')
              .set(newKey(p))
              .where('i.appid', '=', p.appid)
              .where('i.openid', '=', p.openid)
              .whereRef('u.id', '=', 'i.user_id')
              .where((eb) =>
                eb.or([sql<SqlBool>`cast(${p.unionid} as varchar) is null`, eb('i.unionid', '=', p.unionid)]),
              )
              .returningAll('u'),
          ),
    /**
     * A user who was never here, with a unionid that was never here: makes both, and answers the user. Null where that needs
     * a transaction. Answers nothing when the identity or its unionid is known.
     */
    signInNew:
      engine !== 'postgres'
        ? null
        : prepare((p: NewIdentity) => ({
            compile: () =>
              sql<{ user_id: string }>`
                with identity as (
                  insert into weapp_auth_identities
                    (appid, openid, user_id, unionid, session_key, session_key_fingerprint, created_at, updated_at)
                  select cast(${p.appid} as varchar), ${p.openid}, cast(${p.user_id} as varchar), cast(${p.unionid} as varchar),
                    ${p.session_key}, ${p.fingerprint0}, cast(${p.now} as bigint), cast(${p.now} as bigint)
                  where not exists (select from weapp_auth_unionids where unionid = ${p.unionid})
                  on conflict (appid, openid) do nothing
                  returning user_id, unionid, created_at
                ), claimed as (
                  insert into weapp_auth_unionids (unionid, user_id)
                  select unionid, user_id from identity where unionid is not null
                )
                insert into weapp_auth_users
                  (id, created_at, nickname, avatar_url, gender, country, province, city, language)
                select user_id, created_at, '', '', 0, '', '', '', '' from identity
                returning id`.compile(db),
          })),
    /** The user behind an identity, and what tells whether the identity has changed. */
    findKnown: prepare((p: Named) =>
      db
        .selectFrom('weapp_auth_identities as i')
        .innerJoin('weapp_auth_users as u', 'u.id', 'i.user_id')
        .selectAll('u')
        .select(['i.unionid', 'i.session_key_fingerprint'])
        .where('i.appid', '=', p.appid)
        .where('i.openid', '=', p.openid),
    ),
    replaceKey: prepare((p: Named & Key) => updateIdentity(p).set(newKey(p))),

    findUser: prepare(selectUser),
    /** Until the end of the transaction nobody else changes or deletes the user. SQLite runs one transaction at a time. */
    holdUser: prepare((p: { id: string }) => (engine === 'sqlite' ? selectUser(p) : selectUser(p).forUpdate())),
    findExternalId: prepare((p: { external_id: string }) =>
      db.selectFrom('weapp_auth_users').selectAll().where('external_id', '=', p.external_id),
    ),
    insertUser: prepare((p: { id: string; now: number }) => {
      const { avatarUrl: avatar_url, ...others } = EMPTY_PROFILE
      return db.insertInto('weapp_auth_users').values({ id: p.id, created_at: p.now, avatar_url, ...others })
    }),
    deleteUser: prepare((p: { id: string }) => db.deleteFrom('weapp_auth_users').where('id', '=', p.id)),

    findIdentity: prepare((p: { user_id: string; appid: string }) =>
      selectIdentity.where('user_id', '=', p.user_id).where('appid', '=', p.appid),
    ),
    /** Answers whose identity it is afterwards, and holds the row until the end of the transaction. */
    insertOrHoldIdentity:
      engine === 'mysql'
        ? inTurn(
            prepare(insertIdentity),
            prepare((p: Named) =>
              db
                .selectFrom('weapp_auth_identities')
                .select(['user_id', 'unionid'])
                .where('appid', '=', p.appid)
                .where('openid', '=', p.openid)
                .forUpdate(),
            ),
          )
        : prepare((p: NewIdentity) => insertIdentity(p).returning(['user_id', 'unionid'])),
    learnUnionid: prepare((p: Named & { unionid: string }) => updateIdentity(p).set({ unionid: p.unionid })),
    moveIdentity: prepare((p: Named & { user_id: string }) => updateIdentity(p).set({ user_id: p.user_id })),

    /** Answers whose unionid it is afterwards, and holds the row until the end of the transaction. */
    insertOrHoldUnionid:
      engine === 'mysql'
        ? inTurn(
            prepare(insertUnionid),
            prepare((p: { unionid: string }) =>
              db.selectFrom('weapp_auth_unionids').select('user_id').where('unionid', '=', p.unionid).forUpdate(),
            ),
          )
        : prepare((p: { unionid: string; user_id: string }) => insertUnionid(p).returning('user_id')),

    findConflict: prepare((p: Conflict) =>
      db
        .selectFrom('weapp_auth_conflicts')
        .select('user_id')
        .where('user_id', '=', p.user_id)
        .where('other_user_id', '=', p.other_user_id)
        .where('unionid', '=', p.unionid),
    ),
    insertConflict: prepare((p: Conflict & { now: number }) =>
      unlessThere(
        engine,
        db.insertInto('weapp_auth_conflicts').values({
          user_id: p.user_id,
          other_user_id: p.other_user_id,
          unionid: p.unionid,
          created_at: p.now,
        }),
        ['user_id', 'other_user_id', 'unionid'],
      ),
    ),

    /** A write, of no row: a standby that took over too early answers every question, and signs nobody in. */
    write: prepare(() =>
      // In SQLite that writes nothing at all, and a full disk would not be noticed. This writes the first page.
      engine === 'sqlite'
        ? { compile: () => sql`pragma user_version = 1`.compile(db) }
        : db.updateTable('weapp_auth_users').set({ id: '' }).where('id', '=', ''),
    ),
  }
}

/** An INSERT that changes nothing where the row is there already. */
export function unlessThere<T extends keyof UsersDatabase>(
  engine: Engine,
  insert: InsertQueryBuilder<UsersDatabase, T, InsertResult>,
  key: readonly (keyof UsersDatabase[T] & string)[],
): InsertQueryBuilder<UsersDatabase, T, InsertResult> {
  const [column] = key
  // Not "do nothing" and not IGNORE: those do not hold the row, and IGNORE hides other faults.
  const unchanged = { [column as string]: sql.ref(engine === 'mysql' ? `${column}` : `excluded.${column}`) }
  return engine === 'mysql'
    ? insert.onDuplicateKeyUpdate(unchanged as never)
    : insert.onConflict((conflict) => conflict.columns(key as never).doUpdateSet(unchanged as never))
}

/** Where a write cannot answer with its row, the row is read after it. */
function inTurn<V extends R, R, A>(write: Statement<V, unknown>, read: Statement<R, A>): Statement<V, A> {
  return async (db, values) => {
    await write(db, values)
    return read(db, values)
  }
}
