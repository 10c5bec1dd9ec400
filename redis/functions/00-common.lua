-- Shared by every file of the library. The loader (src/store/function-library.ts) puts `#!lua name=…`, PREFIX and the constants of
-- src/store/lua-constants.ts before it and joins the files in name order; each file wraps itself in do … end so that its locals
-- stay its own.

-- Registers a function under the library's own prefix, so that several versions of the library live side by side.
local function register(name, callback)
  redis.register_function{ function_name = PREFIX .. name, callback = callback }
end

-- As `register`, for what must also work in a store that is full (protocol 8.3): endings, revocations and what leads to them, leases,
-- exports. It adds next to nothing, or takes away.
local function register_ending(name, callback)
  redis.register_function{ function_name = PREFIX .. name, callback = callback, flags = { 'allow-oom' } }
end

-- Unix milliseconds by the clock of Redis, the one clock all relays share.
local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- Plain decimal text of a number: Lua would print large ones as 1.7e+12.
local function int(number)
  return string.format('%.0f', number)
end

-- Grants without dates, as they come up: nearly all are of these, one for each role.
local DATELESS = {}

-- Role of the grant `role|notBefore|notAfter` while it is in force at `now`, else nil (protocol 7.6).
local function in_force(grant, now)
  if DATELESS[grant] then return DATELESS[grant] end
  local role, not_before, not_after = string.match(grant, '^(%a+)|(%d*)|(%d*)$')
  if not role or not ROLE_RANK[role] then return nil end
  if not_before == '' and not_after == '' then DATELESS[grant] = role end
  if not_before ~= '' and now < tonumber(not_before) then return nil end
  if not_after ~= '' and now >= tonumber(not_after) then return nil end
  return role
end

-- Appends one audit entry (protocol 10.1) to a bounded stream. `entry` is the JSON text made by src/audit/entry.ts. What the bound
-- pushes out is told by the stream itself: see audit_remove.
local function audit(key, maximum, entry)
  redis.call('XADD', key, 'MAXLEN', '~', maximum, '*', 'e', entry)
end

-- Text of a folded entry with its count, which goes before the closing brace.
local function counted(entry, count)
  return string.sub(entry, 1, -2) .. ',"count":' .. count .. '}'
end

-- Moves a door's fold of refusals into its stream.
local function close_fold(fold_key, traffic_key)
  local flat = redis.call('HGETALL', fold_key)
  for index = 1, #flat, 2 do
    if flat[index] ~= 'minute' then audit(traffic_key, AUDIT_MAX.door, counted(flat[index], flat[index + 1])) end
  end
  redis.call('DEL', fold_key)
end

-- Counts a refusal of a door in the fold of this minute (protocol 10.1); the fold of an earlier minute goes into the stream first.
-- `fields`: members of the entry as JSON, without `at`, `node` and `count`.
local function fold(fold_key, traffic_key, fields, now)
  local minute = int(now - now % 60000)
  local open = redis.call('HGET', fold_key, 'minute')
  if open ~= minute then
    if open then close_fold(fold_key, traffic_key) end
    redis.call('HSET', fold_key, 'minute', minute)
  end
  redis.call('HINCRBY', fold_key, '{"at":' .. minute .. ',"node":"store",' .. fields .. '}', 1)
end
