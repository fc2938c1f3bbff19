/*
 * What Redis does with sessions, one script a method, each atomic and on one slot. A live session is `{"u":...}`, the
 * tombstone of an ended one `{"r":reason,"e":expiresAtMs}`. An index holds the ids of live sessions. Whatever ends a
 * session says so on a channel, for those who remember it as alive.
 *
 * Expiry is asked of Redis (EXISTS) and never of a caller's clock where a session would be forgotten by mistake: of
 * two processes one clock may be wrong, and a session missing from its index would survive a revoke-all.
 */

const IS_ENDED = `
local function isEnded(value)
  return not value or string.sub(value, 1, 5) == '{"r":'
end
`

const INDEX = `
local function index(key, id, expiresAtMs, ttlMs)
  redis.call('ZADD', key, expiresAtMs, id)
  if redis.call('PTTL', key) < tonumber(ttlMs) then redis.call('PEXPIRE', key, ttlMs) end
end
`

const END = `
local function finish(key, reason, expiresAtMs)
  redis.call('SET', key, string.format('{"r":"%s","e":%.0f}', reason, expiresAtMs), 'XX', 'KEEPTTL')
end
`

/** A failure to tell, for want of the right to, must not undo or hide that the sessions ended. */
const TELL = `
local function tell(channel, ids)
  if #ids > 0 then redis.pcall('PUBLISH', channel, table.concat(ids, ' ')) end
end
`

/**
 * KEYS session, index. ARGV id, value, ttlMs, expiresAtMs, nowMs, prefix of session keys, channel, userId, limit, id that is
 * replaced. Returns the ids that ended. NX: the client sends it again when a connection breaks before the answer, and the
 * session may have been ended meanwhile.
 */
export const CREATE = `${IS_ENDED}${INDEX}${END}${TELL}
local id, nowMs, prefix, limit, replaced = ARGV[1], tonumber(ARGV[5]), ARGV[6], tonumber(ARGV[9]), ARGV[10]
local ended = {}
local function finishIndexed(id, reason, expiresAtMs)
  finish(prefix .. id, reason, expiresAtMs)
  redis.call('ZREM', KEYS[2], id)
  ended[#ended + 1] = id
end

for _, old in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', nowMs, 'LIMIT', 0, 20)) do
  if redis.call('EXISTS', prefix .. old) == 0 then redis.call('ZREM', KEYS[2], old) end
end
if not redis.call('SET', KEYS[1], ARGV[2], 'NX', 'PX', ARGV[3]) then return {} end

if replaced ~= '' then
  local value = redis.call('GET', prefix .. replaced)
  if not isEnded(value) and cjson.decode(value).u == ARGV[8] then
    local expiresAtMs = redis.call('ZSCORE', KEYS[2], replaced) or nowMs + redis.call('PTTL', prefix .. replaced)
    finishIndexed(replaced, 'replaced', expiresAtMs)
  end
end
if limit > 0 and redis.call('ZCARD', KEYS[2]) >= limit then
  local alive = {}
  local entries = redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. ARGV[5], '+inf', 'WITHSCORES')
  for i = 1, #entries, 2 do
    local value = redis.call('GET', prefix .. entries[i])
    if isEnded(value) then
      redis.call('ZREM', KEYS[2], entries[i])
    else
      alive[#alive + 1] = { id = entries[i], expiresAtMs = entries[i + 1], createdAtMs = cjson.decode(value).c }
    end
  end
  table.sort(alive, function(a, b) return a.createdAtMs < b.createdAtMs end)
  for i = 1, #alive - limit + 1 do finishIndexed(alive[i].id, 'limit', alive[i].expiresAtMs) end
end
index(KEYS[2], id, ARGV[4], ARGV[3])
tell(ARGV[7], ended)
return ended
`

/** KEYS session, index. ARGV id, value, ttlMs, expiresAtMs. */
export const TOUCH = `${IS_ENDED}${INDEX}
if isEnded(redis.call('GET', KEYS[1])) then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
index(KEYS[2], ARGV[1], ARGV[4], ARGV[3])
return 1
`

/**
 * KEYS session, index. ARGV id, userId, reason, nowMs, channel. The value says whose session it is: an index may have been evicted,
 * and signing out has to work all the same.
 */
export const REVOKE = `${IS_ENDED}${END}${TELL}
local value = redis.call('GET', KEYS[1])
if isEnded(value) or cjson.decode(value).u ~= ARGV[2] then return 0 end
local expiresAtMs = redis.call('ZSCORE', KEYS[2], ARGV[1]) or tonumber(ARGV[4]) + redis.call('PTTL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1])
finish(KEYS[1], ARGV[3], expiresAtMs)
tell(ARGV[5], { ARGV[1] })
return tonumber(expiresAtMs) > tonumber(ARGV[4]) and 1 or 0
`

/** KEYS index. ARGV prefix of session keys, reason, nowMs, id that stays, channel. Counts what was alive at nowMs. */
export const REVOKE_ALL = `${IS_ENDED}${END}${TELL}
local revoked = 0
local ended = {}
local entries = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
for i = 1, #entries, 2 do
  local id, expiresAtMs = entries[i], entries[i + 1]
  if id ~= ARGV[4] then
    local key = ARGV[1] .. id
    if not isEnded(redis.call('GET', key)) then
      finish(key, ARGV[2], expiresAtMs)
      ended[#ended + 1] = id
      if tonumber(expiresAtMs) > tonumber(ARGV[3]) then revoked = revoked + 1 end
    end
    redis.call('ZREM', KEYS[1], id)
  end
end
tell(ARGV[5], ended)
return revoked
`

/** KEYS index. ARGV prefix of session keys. Returns id, value, id, value. */
export const LIST = `${IS_ENDED}
local found = {}
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, -1)) do
  local value = redis.call('GET', ARGV[1] .. id)
  if not isEnded(value) then
    found[#found + 1] = id
    found[#found + 1] = value
  end
end
return found
`

/**
 * KEYS claim. ARGV nowMs, how long a claim is kept, how long it counts as in progress, claimant. The same claimant asks
 * again when a connection breaks before the answer.
 */
export const CLAIM_CODE = `
local claim = redis.call('GET', KEYS[1])
if not claim then
  redis.call('SET', KEYS[1], ARGV[1] .. ' ' .. ARGV[4], 'PX', ARGV[2])
  return 'claimed'
end
if claim == 'used' then return 'used' end
local claimedAtMs, claimant = string.match(claim, '^(%d+) (.+)$')
if claimant == ARGV[4] then return 'claimed' end
if tonumber(ARGV[1]) - tonumber(claimedAtMs) >= tonumber(ARGV[3]) then return 'used' end
return 'in_progress'
`
