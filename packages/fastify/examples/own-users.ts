// A UserStore on a table of users that was there before: MySQL, with integers as ids. The tables are in own-users.sql. It keeps
// no session_keys, so that /v1/open-data is always stale. The contract of a UserStore runs against it: userStoreCases.
import { hash } from 'node:crypto'
import { ApiError, type User, type UserIdentity, type UserStore, type WechatIdentity } from '@weapp-auth/fastify'
import type { Pool, ResultSetHeader, RowDataPacket } from 'mysql2/promise'

type Row = RowDataPacket & Record<string, unknown>
type Db = Pick<Pool, 'query'>
const LIVE = 'erasing_at IS NULL'
const FIELDS = ['nickname', 'avatarUrl', 'gender', 'country', 'province', 'city', 'language'] as const
const isId = (userId: string) => /^\d{1,9}$/.test(userId) // MySQL would read '7 or so' as 7

/** @param pool of mysql2, with deadlines, an error listener on each connection, and `timezone: 'Z'` */
export function createMemberStore(pool: Pool): UserStore {
  const select = async (sql: string, values: unknown[], db: Db = pool) => (await db.query<Row[]>(sql, values))[0]
  const change = async (sql: string, values: unknown[], db: Db = pool) =>
    (await db.query<ResultSetHeader>(sql, values))[0].affectedRows > 0
  const changeUser = async (userId: string, set: object) =>
    isId(userId) && change(`UPDATE members SET ? WHERE id = ? AND ${LIVE}`, [set, userId])
  const findOne = async (column: 'id' | 'external_id', value: string, db?: Db) =>
    (await select(`SELECT * FROM members WHERE ${column} = ? AND ${LIVE}`, [value], db)).map(toUser)[0] ?? null
  const findUser = async (userId: string) => (isId(userId) ? findOne('id', userId) : null)
  const insertUser = async (nowMs: number, db: Db = pool) => {
    const [made] = await db.query<ResultSetHeader>('INSERT INTO members SET created_at = ?', [new Date(nowMs)])
    return (await findOne('id', String(made.insertId), db)) as User
  }
  /** False when the identity is there, or the user has another one in this mini-program. */
  const insertIdentity = (userId: string, appid: string, { openid, unionid }: WechatIdentity, db?: Db) =>
    change('INSERT IGNORE INTO member_wechat SET ?', [{ appid, openid, unionid, member_id: userId }], db)
  const findKnown = async (appid: string, openid: string, db?: Db) => {
    const sql = 'SELECT m.*, unionid FROM members m JOIN member_wechat ON id = member_id WHERE appid = ? AND openid = ?'
    return (await select(sql, [appid, openid], db))[0]
  }
  /** One sign-in at a time of whoever has this unionid, or this openid: a lock of MySQL, and one transaction. */
  async function inTurn<T>(of: string, work: (db: Db) => Promise<T>): Promise<T> {
    const db = await pool.getConnection()
    const lock = hash('sha1', `member ${of}`)
    try {
      const [row] = await select('SELECT GET_LOCK(?, 4) AS got', [lock], db)
      if (row?.got !== 1) throw new Error('another sign-in of this user takes too long')
      await db.beginTransaction()
      const result = await work(db)
      await db.commit()
      await db.query('DO RELEASE_LOCK(?)', [lock])
      db.release()
      return result
    } catch (error) {
      db.destroy() // and with it the lock and the transaction
      throw error
    }
  }

  const store: UserStore = {
    async signIn(appid, identity, nowMs) {
      const { openid, unionid } = identity
      const known = await findKnown(appid, openid)
      if (known && (unionid === null || known.unionid === unionid)) return toAnswer(known)
      return inTurn(unionid ?? `${appid} ${openid}`, async (db) => {
        const again = await findKnown(appid, openid, db)
        if (again) {
          const sql = 'UPDATE member_wechat SET unionid = COALESCE(?, unionid) WHERE appid = ? AND openid = ?'
          await change(sql, [unionid, appid, openid], db)
          return toAnswer(again)
        }
        const sql = `SELECT m.* FROM member_wechat w JOIN members m ON m.id = member_id WHERE w.unionid = ? AND NOT EXISTS
          (SELECT 1 FROM member_wechat own WHERE own.member_id = m.id AND own.appid = ?) ORDER BY m.id LIMIT 1`
        const [holder] = await select(sql, [unionid, appid], db)
        if (holder && holder.erasing_at !== null) return toAnswer(holder)
        const user = holder ? toUser(holder) : await insertUser(nowMs, db)
        if (!(await insertIdentity(user.id, appid, identity, db))) throw new Error('another sign-in was faster')
        return { user, isNew: !holder }
      })
    },
    createUser: (nowMs) => insertUser(nowMs),
    async createUserWithExternalId(externalId, nowMs) {
      const values = { created_at: new Date(nowMs), external_id: externalId }
      // IGNORE: one that another user has changes nothing.
      return (await change('INSERT IGNORE INTO members SET ?', [values])) ? findOne('external_id', externalId) : null
    },
    findUser,
    findUserByExternalId: async (id) => (/^[\x21-\x7e]+$/.test(id) ? findOne('external_id', id) : null),
    async listUsers({ after, limit }) {
      const sql = `SELECT * FROM members WHERE id > ? AND ${LIVE} ORDER BY id LIMIT ?`
      return (await select(sql, [after ?? 0, limit])).map(toUser)
    },
    async findUserByIdentity(appid, openid) {
      const known = await findKnown(appid, openid)
      return known && known.erasing_at === null ? toUser(known) : null
    },
    async listIdentities(userId) {
      const sql = `SELECT appid, openid, unionid FROM member_wechat JOIN members ON id = member_id
        WHERE member_id = ? AND ${LIVE} ORDER BY appid`
      return (isId(userId) ? await select(sql, [userId]) : []) as (Row & UserIdentity)[]
    },
    async findIdentity(userId, appid) {
      const sql = 'SELECT openid, unionid FROM member_wechat WHERE member_id = ? AND appid = ?'
      const [row] = isId(userId) ? await select(sql, [userId, appid]) : []
      return row ? { openid: String(row.openid), unionid: row.unionid as string | null } : null
    },
    async findKeys(userId, appid) {
      const found = await store.findIdentity(userId, appid)
      return found && { openid: found.openid, sessionKeys: [] }
    },
    async replaceKey() {},
    async linkIdentity(userId, appid, identity) {
      if (!(await findUser(userId))) return null
      const { openid, unionid } = identity
      await insertIdentity(userId, appid, identity)
      const holder = String((await findKnown(appid, openid))?.id ?? '')
      if (holder === userId) return { linked: true, identity: { openid, unionid } }
      return holder === '' ? { linked: false, reason: 'occupied' } : { linked: false, reason: 'taken', userId: holder }
    },
    async updateProfile(userId, changes) {
      if (Object.keys(changes).length > 0) await changeUser(userId, changes)
      return findUser(userId)
    },
    async setExternalId(userId, externalId, mayReplace) {
      // IGNORE: one that another user has changes nothing.
      const sql = `UPDATE IGNORE members SET external_id = ? WHERE id = ? AND ${LIVE} AND (? OR external_id IS NULL)`
      if (isId(userId)) await change(sql, [externalId, userId, mayReplace])
      const user = await findUser(userId)
      if (!user || user.externalId === externalId) return user && { set: true }
      const holder = externalId === null ? null : await findOne('external_id', externalId)
      return holder ? { set: false, reason: 'taken', userId: holder.id } : { set: false, reason: 'different' }
    },
    disableUser: (userId, disabled) => changeUser(userId, { disabled: JSON.stringify(disabled) }),
    async enableUser(userId) {
      const user = await findUser(userId)
      if (user?.disabled) await changeUser(userId, { disabled: null })
      return user?.disabled ?? null
    },
    beginErasure: async (userId, nowMs) =>
      isId(userId) && change('UPDATE members SET erasing_at = COALESCE(erasing_at, ?) WHERE id = ?', [nowMs, userId]),
    async eraseUser(userId) {
      if (isId(userId)) await change('DELETE FROM members WHERE id = ? AND erasing_at IS NOT NULL', [userId])
    },
    findErasing: async (limit) =>
      (await select(`SELECT id FROM members WHERE NOT ${LIVE} LIMIT ?`, [limit])).map(({ id }) => String(id)),
    ping: async () => void (await change('UPDATE members SET id = id WHERE id = 0', [])),
  }
  return Object.fromEntries(Object.entries(store).map(([name, ask]) => [name, guard(ask)])) as unknown as UserStore
}

/** A database that does not answer is 503, and never looks as if a user were gone. */
function guard<A extends never[], T>(ask: (...args: A) => Promise<T>) {
  return (...args: A) =>
    ask(...args).catch(({ code }) => {
      throw new ApiError('store_unavailable', `the table of members: ${code}`, { retryAfterSeconds: 1 })
    })
}

function toAnswer(row: Row) {
  return row.erasing_at === null ? { user: toUser(row), isNew: false } : { erasing: String(row.id) }
}

function toUser(row: Row): User {
  return {
    id: String(row.id),
    createdAtMs: (row.created_at as Date).getTime(),
    profile: Object.fromEntries(FIELDS.map((field) => [field, row[field]])) as unknown as User['profile'],
    externalId: row.external_id as string | null,
    disabled: row.disabled === null ? null : JSON.parse(String(row.disabled)),
  }
}
