import type { Kysely } from 'kysely'
import type { UsersDatabase } from '../users/database.ts'
import { textOf } from '../users/sql-identities.ts'
import { type DigestedUser, identityKey, type KnownUser, type KnownUsers } from './import-plan.ts'

/** All users whom these lines name, by whichever column. */
export async function findKnownUsers(db: Kysely<UsersDatabase>, lines: readonly DigestedUser[]): Promise<KnownUsers> {
  const { externalIds, unionids, digests, openids } = namesIn(lines)
  const selectIdentities = db.selectFrom('weapp_auth_identities').select(['appid', 'openid', 'unionid', 'user_id'])
  const selectPhones = db.selectFrom('weapp_auth_phones').select(['user_id', 'digest'])
  const selectUsers = db.selectFrom('weapp_auth_users').selectAll()

  const named = await inLists(externalIds, (ids) => selectUsers.where('external_id', 'in', ids).execute())
  const held = await inLists(unionids, (ids) =>
    db.selectFrom('weapp_auth_unionids').selectAll().where('unionid', 'in', ids).execute(),
  )
  const phones = await inLists(digests, (all) => selectPhones.where('digest', 'in', all).execute())
  const identities = []
  for (const [appid, ids] of openids) {
    identities.push(
      ...(await selectIdentities
        .where('appid', '=', appid)
        .where('openid', 'in', [...ids])
        .execute()),
    )
  }
  const userIds = new Set([...held, ...phones, ...identities].map((row) => row.user_id))
  for (const { id } of named) userIds.delete(id)
  const others = await inLists(userIds, (ids) => selectUsers.where('id', 'in', ids).execute())
  const users = new Map(
    [...named, ...others].map((row): [string, KnownUser] => [
      row.id,
      {
        id: row.id,
        externalId: row.external_id,
        nickname: row.nickname,
        avatarUrl: row.avatar_url,
        isErasing: row.erasing_at !== null,
        identities: new Map(),
        phoneDigest: null,
      },
    ]),
  )
  for (const row of await inLists(users.keys(), (ids) => selectIdentities.where('user_id', 'in', ids).execute())) {
    users
      .get(row.user_id)
      ?.identities.set(row.appid.toString(), { openid: row.openid.toString(), unionid: textOf(row.unionid) })
  }
  for (const row of await inLists(users.keys(), (ids) => selectPhones.where('user_id', 'in', ids).execute())) {
    const user = users.get(row.user_id)
    if (user) user.phoneDigest = row.digest
  }
  const find = (id: string) => users.get(id) as KnownUser
  // Rows of a user who was erased since they were read count for nothing.
  const there = <R extends { user_id: string }>(rows: R[]) => rows.filter((row) => users.has(row.user_id))
  return {
    byExternalId: new Map(named.map((row) => [row.external_id as string, find(row.id)])),
    byIdentity: new Map(
      there(identities).map((row) => [
        identityKey({ appid: row.appid.toString(), openid: row.openid.toString() }),
        find(row.user_id),
      ]),
    ),
    byUnionid: new Map(there(held).map((row) => [row.unionid.toString(), find(row.user_id)])),
    byPhoneDigest: new Map(there(phones).map((row) => [row.digest, find(row.user_id)])),
  }
}

/** Everything in these lines that can name a user, without repetitions. */
function namesIn(lines: readonly DigestedUser[]) {
  const names = {
    externalIds: new Set<string>(),
    unionids: new Set<string>(),
    digests: new Set<string>(),
    /** By appid. */
    openids: new Map<string, Set<string>>(),
  }
  for (const { externalId, identity, unionid, phoneDigest } of lines) {
    if (externalId !== null) names.externalIds.add(externalId)
    if (unionid !== null) names.unionids.add(unionid)
    if (phoneDigest !== null) names.digests.add(phoneDigest)
    if (!identity) continue
    const ofApp = names.openids.get(identity.appid) ?? new Set()
    names.openids.set(identity.appid, ofApp.add(identity.openid))
  }
  return names
}

/** Does not ask the database when the list is empty. */
async function inLists<R>(values: Iterable<string>, read: (values: string[]) => Promise<R[]>): Promise<R[]> {
  const list = [...values]
  return list.length === 0 ? [] : read(list)
}
