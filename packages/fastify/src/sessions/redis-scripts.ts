import type { RedisClient } from '../redis.ts'
import type { CodeClaim } from './session-store.ts'

/*
 * What Redis does with sessions. A live session is `{"u":...}`, the tombstone of an ended one
 * `{"r":reason,"e":expiresAtMs,"u":...}`.
 * An index holds the ids of a user's live sessions, scored by expiry. Whatever ends a session publishes its id on a channel,
 * for the processes that remember it as alive.
 *
 * A Redis that evicts keys can drop an index and keep its sessions. An index that was made anew then lacks those sessions, until
 * each of them is used or expires. So the index gets a mark, a member of its own: its score is the time from which the index is
 * whole again. The mark is set where a live session is missing in its index, and where an index is made on a server that has
 * evicted keys within the idle lifetime (`hasEvicted`, 1 or empty). A session that was lost earlier has expired by now.
 *
 * Two rules keep a session from being lost or left alive by mistake:
 *
 * - A script touches only the keys that it is given as KEYS. Redis Cluster checks those before the script starts, so that it
 *   either runs where they all are, or not at all. A key that a script finds by itself may be on another server while a slot
 *   moves; it would read as missing, which means "ended" here.
 * - No script parses a stored value. It compares the beginning, which `redis-store.ts` writes in one fixed way. A second parser
 *   would disagree with the first one about some text, and a script that stops in the middle keeps what it has written.
 */

const IS_ENDED = `
local function isEnded(value)
  return not value or string.sub(value, 1, 5) == '{"r":'
end
`

/** The mark of an index that may lack sessions. No id of a session is so short. */
export const INCOMPLETE = '!'

/**
 * A marked index is kept for longer than its mark, so that it is not taken for an index that never was. A mark that lies further
 * ahead than an idle lifetime comes from a wrong clock, and is set anew.
 */
const INDEX_FUNCTIONS = `
local function addToIndex(key, id, expiresAtMs, ttlMs)
  local added = redis.call('ZADD', key, expiresAtMs, id)
  if redis.call('PTTL', key) < tonumber(ttlMs) then redis.call('PEXPIRE', key, ttlMs) end
  return added == 1
end
local function markIncomplete(key, nowMs, idleMs)
  local untilMs = tonumber(redis.call('ZSCORE', key, '${INCOMPLETE}') or 0)
  if untilMs > tonumber(nowMs) and untilMs <= nowMs + idleMs then return end
  addToIndex(key, '${INCOMPLETE}', nowMs + idleMs, 2 * idleMs)
end
local function countSessions(key)
  return redis.call('ZCARD', key) - (redis.call('ZSCORE', key, '${INCOMPLETE}') and 1 or 0)
end
`

/**
 * `owner` is how the value of a live session of this user begins, `{"u":...,`. Publishing fails where this user of Redis may not
 * publish; that must neither undo nor hide the end of the session.
 */
const FINISH = `${IS_ENDED}
local function finish(key, id, owner, reason, expiresAtMs, channel)
  local value = redis.call('GET', key)
  if isEnded(value) or string.sub(value, 1, #owner) ~= owner then return false end
  redis.call('SET', key, string.format('{"r":"%s","e":%.0f,', reason, expiresAtMs) .. string.sub(owner, 2, -2) .. '}',
    'KEEPTTL')
  redis.pcall('PUBLISH', channel, id)
  return true
end
`

/**
 * KEYS session, index, mark of the user, session that is replaced (optional). ARGV id, value, ttlMs, expiresAtMs, nowMs, idleMs,
 * hasEvicted, owner, channel, the mark with which the session agrees, id that is replaced.
 *
 * Returns how many ids the index has, 1 when the replaced session was alive at nowMs and ended by this, else 0, and up to 20 ids
 * that have expired by the caller's clock. -1 alone: nothing was made, because the session does not agree with the mark. NX: the
 * client sends the command again when the connection breaks before the answer, and the session may have been ended in between.
 */
const CREATE = `${FINISH}${INDEX_FUNCTIONS}
local id, ttlMs, expiresAtMs, nowMs, idleMs, replaced = ARGV[1], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[11]
local mark = redis.call('GET', KEYS[3])
if mark and mark ~= ARGV[10] then return { -1 } end
local didReplace = 0
if redis.call('SET', KEYS[1], ARGV[2], 'NX', 'PX', ttlMs) then
  local isIncomplete = ARGV[7] == '1' and redis.call('EXISTS', KEYS[2]) == 0
  if KEYS[4] then
    local indexed = redis.call('ZSCORE', KEYS[2], replaced)
    local endsAtMs = tonumber(indexed or nowMs + math.max(0, redis.call('PTTL', KEYS[4])))
    if finish(KEYS[4], replaced, ARGV[8], 'replaced', endsAtMs, ARGV[9]) then
      if endsAtMs > tonumber(nowMs) then didReplace = 1 end
      if not indexed then isIncomplete = true end
    end
    redis.call('ZREM', KEYS[2], replaced)
  end
  addToIndex(KEYS[2], id, expiresAtMs, ttlMs)
  if isIncomplete then markIncomplete(KEYS[2], nowMs, idleMs) end
end
local answer = { countSessions(KEYS[2]), didReplace }
for _, expired in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', nowMs, 'LIMIT', 0, 20)) do
  answer[#answer + 1] = expired
end
return answer
`

/**
 * KEYS index. ARGV id, ttlMs, expiresAtMs, nowMs, idleMs, hasEvicted. Returns how many ids the index has, and 1 when it lacked
 * this one.
 */
const INDEX = `${INDEX_FUNCTIONS}
local isIncomplete = ARGV[6] == '1' and redis.call('EXISTS', KEYS[1]) == 0
local wasMissing = addToIndex(KEYS[1], ARGV[1], ARGV[3], ARGV[2])
if isIncomplete then markIncomplete(KEYS[1], ARGV[4], ARGV[5]) end
return { countSessions(KEYS[1]), wasMissing and 1 or 0 }
`

/** KEYS index. ARGV nowMs, idleMs. */
const MARK = `${INDEX_FUNCTIONS}
markIncomplete(KEYS[1], ARGV[1], ARGV[2])
`

/**
 * KEYS session, index (optional). ARGV id, value, ttlMs, expiresAtMs, nowMs, idleMs, head. Returns 1, or 0 when the session has
 * ended. `head` is how the value begins, up to and with the externalId: when that was changed since, the script writes nothing
 * and returns 2.
 */
const TOUCH = `${IS_ENDED}${INDEX_FUNCTIONS}
local value, head = redis.call('GET', KEYS[1]), ARGV[7]
if isEnded(value) then return 0 end
if string.sub(value, 1, #head) ~= head then return 2 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
if KEYS[2] and addToIndex(KEYS[2], ARGV[1], ARGV[4], ARGV[3]) then markIncomplete(KEYS[2], ARGV[5], ARGV[6]) end
return 1
`

/**
 * KEYS session, index (optional). ARGV id, owner, reason, nowMs, idleMs, channel, expiresAtMs where the index does not tell
 * (empty: as Redis says), limit (optional: nothing is done while the index has no more ids than that). Returns 1 when the session was alive at
 * nowMs and ended by this, else 0. The index may have been evicted, and ending one session has to work all the same.
 */
const END = `${FINISH}${INDEX_FUNCTIONS}
if ARGV[8] and KEYS[2] and countSessions(KEYS[2]) <= tonumber(ARGV[8]) then return 0 end
local id, nowMs = ARGV[1], ARGV[4]
local indexed = KEYS[2] and redis.call('ZSCORE', KEYS[2], id)
local expiresAtMs = tonumber(indexed or ARGV[7]) or nowMs + math.max(0, redis.call('PTTL', KEYS[1]))
local didEnd = finish(KEYS[1], id, ARGV[2], ARGV[3], expiresAtMs, ARGV[6])
if KEYS[2] and didEnd and not indexed then markIncomplete(KEYS[2], nowMs, ARGV[5]) end
if KEYS[2] and isEnded(redis.call('GET', KEYS[1])) then redis.call('ZREM', KEYS[2], id) end
return didEnd and expiresAtMs > tonumber(nowMs) and 1 or 0
`

/** KEYS mark of the user. ARGV mark, ttlMs. Leaves a mark, unless there is a block. */
const MARK_USER = `
local before = redis.call('GET', KEYS[1])
if not before or string.sub(before, 1, 2) ~= 'b:' then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
`

/** KEYS mark of a user, or claim of a message. ARGV what it is. Takes it away; another one stays. */
const UNMARK_USER = `
if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
`

/**
 * KEYS sessions. ARGV channel, then id, value and new value of each. Writes the new values, and publishes each id with a ~ before
 * it. Returns how many were left out, because another command has changed their values since they were read.
 */
const REWRITE = `
local left = 0
for i, key in ipairs(KEYS) do
  if redis.call('GET', key) == ARGV[3 * i] then
    redis.call('SET', key, ARGV[3 * i + 1], 'KEEPTTL')
    redis.pcall('PUBLISH', ARGV[1], '~' .. ARGV[3 * i - 1])
  else
    left = left + 1
  end
end
return left
`

/**
 * KEYS index. Returns id, expiresAtMs, id, expiresAtMs, in the order of expiry. A script, because the answer of the command ZRANGE
 * differs between RESP2 and RESP3.
 */
const ENTRIES = "return redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')"

/**
 * KEYS claim. ARGV nowMs, how long it counts as in progress, claimant. Asked when the code is claimed already: by the same
 * claimant, where a connection broke before the answer, or by somebody else. A claim that is gone has run out since. A claim
 * that seems to be made in the future comes from a wrong clock.
 */
const CLAIM_CODE = `
local claim = redis.call('GET', KEYS[1])
if not claim or claim == 'used' then return 'used' end
local claimedAtMs, claimant = string.match(claim, '^(%d+) (.+)$')
if claimant == ARGV[3] then return 'claimed' end
if math.abs(tonumber(ARGV[1]) - tonumber(claimedAtMs)) >= tonumber(ARGV[2]) then return 'used' end
return 'in_progress'
`

/** ioredis has to be told how many parameters are keys, where their number varies. */
type Parameters = [numberOfKeys: number, ...keysAndArguments: (string | number)[]]

/** The scripts, each as a method of the client. */
export interface SessionScripts {
  weappAuthCreate(...parameters: Parameters): Promise<[card: number, didReplace: number, ...string[]]>
  weappAuthIndex(
    index: string,
    id: string,
    ttlMs: number,
    expiresAtMs: number,
    nowMs: number,
    idleMs: number,
    hasEvicted: '1' | '',
  ): Promise<[count: number, wasMissing: number]>
  weappAuthMark(index: string, nowMs: number, idleMs: number): Promise<null>
  weappAuthTouch(...parameters: Parameters): Promise<number>
  weappAuthEnd(...parameters: Parameters): Promise<number>
  weappAuthMarkUser(key: string, mark: string, ttlMs: number): Promise<null>
  weappAuthUnmarkUser(key: string, mark: string): Promise<null>
  weappAuthRewrite(...parameters: Parameters): Promise<number>
  weappAuthEntries(index: string): Promise<string[]>
  weappAuthClaimCode(key: string, nowMs: number, inProgressMs: number, claimant: string): Promise<CodeClaim>
}

/** ioredis sends the digest of a script, and its text once more where a server does not know it yet. */
export function defineSessionScripts(redis: RedisClient): SessionScripts {
  redis.defineCommand('weappAuthCreate', { lua: CREATE })
  redis.defineCommand('weappAuthIndex', { numberOfKeys: 1, lua: INDEX })
  redis.defineCommand('weappAuthMark', { numberOfKeys: 1, lua: MARK })
  redis.defineCommand('weappAuthTouch', { lua: TOUCH })
  redis.defineCommand('weappAuthEnd', { lua: END })
  redis.defineCommand('weappAuthMarkUser', { numberOfKeys: 1, lua: MARK_USER })
  redis.defineCommand('weappAuthUnmarkUser', { numberOfKeys: 1, lua: UNMARK_USER })
  redis.defineCommand('weappAuthRewrite', { lua: REWRITE })
  redis.defineCommand('weappAuthEntries', { numberOfKeys: 1, lua: ENTRIES })
  redis.defineCommand('weappAuthClaimCode', { numberOfKeys: 1, lua: CLAIM_CODE })
  return redis as unknown as SessionScripts
}
