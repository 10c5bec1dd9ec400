-- Rollouts (protocol 12.3). One hash a rollout, one hash of its doors (door id -> JSON), and one of everything in flight, which
-- lets a relay ask with a single read whether a door that came back has an update to go on with.
do
  -- Order of the states in which an update is under way; everything else is an end, or `waiting`.
  local UNDER_WAY = { offered = 1, downloading = 2, verified = 3, rebooting = 4 }
  -- Refusals that say something of the door as it is today, not of the release: another rollout may try again.
  local OF_TODAY = { unknown_key = true, expired = true, no_space = true }
  local FAILURE = { refused = true, rolled_back = true, failed = true, timed_out = true }
  -- An end that may still turn out to have been another one.
  local CORRECTION = { confirmed = { rolled_back = true }, timed_out = { confirmed = true, rolled_back = true } }

  -- The one transition function of a door's update: true when `to` may follow `from`.
  local function may_follow(from, to)
    local rank = UNDER_WAY[from]
    if rank then return to == 'waiting' and rank <= 2 or to ~= 'waiting' and (UNDER_WAY[to] or 9) > rank end
    return CORRECTION[from] ~= nil and CORRECTION[from][to] == true
  end

  local function is_driver(rollout, node, now)
    local fields = redis.call('HMGET', rollout, 'driver', 'driverUntil')
    return fields[1] == node and tonumber(fields[2]) > now
  end

  -- Moves a door's record and every count that depends on it. `record` is the decoded record before the move.
  local function move(keys, door, record, to, now)
    local rollout, doors, in_flight = keys[1], keys[2], keys[3]
    local from = record.state
    if record.stage >= 0 then
      redis.call('HINCRBY', rollout, 'n:' .. record.stage .. ':' .. from, -1)
      if to ~= 'waiting' then redis.call('HINCRBY', rollout, 'n:' .. record.stage .. ':' .. to, 1) end
      if FAILURE[to] and not FAILURE[from] then redis.call('HINCRBY', rollout, 'failures', 1) end
      if FAILURE[from] and not FAILURE[to] then redis.call('HINCRBY', rollout, 'failures', -1) end
    end
    if UNDER_WAY[to] == nil then
      redis.call('HDEL', in_flight, door)
      if UNDER_WAY[from] then redis.call('HINCRBY', rollout, 'inFlight', -1) end
      if to == 'waiting' then
        redis.call('HINCRBY', rollout, 'started', -1)
        record.stage = -1
      else
        redis.call('HSET', rollout, 'lastEndAt', int(now))
      end
    end
    record.state = to
    record.at = now
    redis.call('HSET', doors, door, cjson.encode(record))
  end

  -- Takes back what was offered or is being downloaded: after a halt, a cancellation, a withdrawal. Doors that have verified go on.
  local function stop_downloads(keys, id, now)
    local flat = redis.call('HGETALL', keys[3])
    for index = 1, #flat, 2 do
      if string.sub(flat[index + 1], 1, #id + 1) == id .. '|' then
        local text = redis.call('HGET', keys[2], flat[index])
        local record = text and cjson.decode(text)
        if record and may_follow(record.state, 'waiting') then move(keys, flat[index], record, 'waiting', now) end
      end
    end
  end

  local function overlaps(a, b)
    if a.board ~= b.board then return false end
    if a.doors == nil or b.doors == nil then return true end
    local chosen = {}
    for _, door in ipairs(a.doors) do chosen[door] = true end
    for _, door in ipairs(b.doors) do
      if chosen[door] then return true end
    end
    return false
  end

  -- Id of a rollout under way that may offer something to a door of `spec`; nil when there is none.
  local function rival(live, prefix, id, spec)
    for _, other in ipairs(redis.call('SMEMBERS', live)) do
      if other ~= id then
        local fields = redis.call('HMGET', prefix .. other, 'state', 'spec')
        if (fields[1] == 'running' or fields[1] == 'paused') and overlaps(spec, cjson.decode(fields[2])) then return other end
      end
    end
    return nil
  end

  -- rollout_create: starts a rollout unless another one has a door in common with it.
  -- `rollout_prefix`: of rollout keys. Result: { 'ok' } | { 'withdrawn' } | { 'rival', id }
  register('rollout_create', function(keys, args)
    local rollout_key, rollouts_key, live_key, releases_key, audit_key = unpack(keys)
    local id, spec, sha256, rollout_prefix, entry = unpack(args)
    local now = now_ms()
    local release = redis.call('HGET', releases_key, sha256)
    if not release or cjson.decode(release).withdrawnAt then return { 'withdrawn' } end
    local other = rival(live_key, rollout_prefix, id, cjson.decode(spec))
    if other then return { 'rival', other } end
    redis.call('HSET', rollout_key, 'spec', spec, 'state', 'running', 'startedAt', int(now), 'stage', 0, 'stageSince', int(now),
      'lastEndAt', int(now), 'failures', 0, 'inFlight', 0, 'started', 0, 'bytes', 0)
    redis.call('ZADD', rollouts_key, int(now), id)
    redis.call('SADD', live_key, id)
    audit(audit_key, AUDIT_MAX.firmware, entry)
    return { 'ok' }
  end)

  -- rollout_drive: takes or renews the driver's lease; at most one relay has it. An ended rollout with nothing in flight leaves `live`.
  -- KEYS 1 rollout, 2 live; ARGV 1 id, 2 relay, 3 lease ms
  -- Result: 1 this relay drives, 0 another one does or nothing is left to drive
  register('rollout_drive', function(keys, args)
    local now = now_ms()
    local fields = redis.call('HMGET', keys[1], 'state', 'inFlight', 'driver', 'driverUntil')
    local ended = fields[1] ~= 'running' and fields[1] ~= 'paused'
    if not fields[1] or (ended and tonumber(fields[2]) <= 0) then
      redis.call('SREM', keys[2], args[1])
      return 0
    end
    -- A driver that has left the fleet keeps its lease to the end: it may be about to write.
    if fields[3] and fields[3] ~= args[2] and tonumber(fields[4]) > now then return 0 end
    redis.call('HSET', keys[1], 'driver', args[2], 'driverUntil', int(now + tonumber(args[3])))
    return 1
  end)

  -- rollout_offer: gives one door its turn. Everything that could have changed since the driver looked is checked again here.
  -- `may_start`: doors the stage may have started; `parallel`: most in flight
  -- Result: 'ok' | 'not_driver' | 'not_running' | 'stage' | 'full' | 'taken' | 'failed_before'
  register('rollout_offer', function(keys, args)
    local rollout_key, doors_key, in_flight_key, failed_key, traffic_key = unpack(keys)
    local id, driver, door, update, stage, may_start, parallel, entry = unpack(args)
    local now = now_ms()
    if not is_driver(rollout_key, driver, now) then return 'not_driver' end
    local state, open_stage, started, in_flight = unpack(redis.call('HMGET', rollout_key, 'state', 'stage', 'started', 'inFlight'))
    if state ~= 'running' then return 'not_running' end
    if open_stage ~= stage then return 'stage' end
    if tonumber(started) >= tonumber(may_start) or tonumber(in_flight) >= tonumber(parallel) then return 'full' end
    if redis.call('HEXISTS', in_flight_key, door) == 1 then return 'taken' end
    local text = redis.call('HGET', doors_key, door)
    if text and cjson.decode(text).state ~= 'waiting' then return 'taken' end
    if redis.call('HEXISTS', failed_key, door) == 1 then return 'failed_before' end
    local record = { state = 'offered', update = update, stage = tonumber(stage), at = now, percent = 0 }
    redis.call('HSET', doors_key, door, cjson.encode(record))
    redis.call('HSET', in_flight_key, door, id .. '|' .. update)
    redis.call('HINCRBY', rollout_key, 'n:' .. stage .. ':offered', 1)
    redis.call('HINCRBY', rollout_key, 'started', 1)
    redis.call('HINCRBY', rollout_key, 'inFlight', 1)
    audit(traffic_key, AUDIT_MAX.firmware, entry)
    return 'ok'
  end)

  -- rollout_note: records a door that needs or gets no offer (already there, newer, failed before): counted in no stage.
  -- `code`: or ''. Result: 1 recorded, 0 not (no driver any more, or the door has a record)
  register('rollout_note', function(keys, args)
    local rollout_key, doors_key, traffic_key = unpack(keys)
    local driver, door, state, code, entry = unpack(args)
    local now = now_ms()
    if not is_driver(rollout_key, driver, now) then return 0 end
    local text = redis.call('HGET', doors_key, door)
    if text and cjson.decode(text).state ~= 'waiting' then return 0 end
    local record = { state = state, stage = -1, at = now }
    if code ~= '' then record.code = code end
    redis.call('HSET', doors_key, door, cjson.encode(record))
    audit(traffic_key, AUDIT_MAX.firmware, entry)
    return 1
  end)

  -- update_claim: binds the update of a door to the connection it has now; steps of an older connection count no more. That an
  -- update is offered once on a connection is kept by the relay that holds it: nobody else can write to it.
  -- KEYS 1 rollout, 2 doors, 3 in-flight; ARGV 1 rollout id, 2 door, 3 connection
  -- Result: { update id, state } | { } when nothing is to be done
  register('update_claim', function(keys, args)
    local text = redis.call('HGET', keys[2], args[2])
    if not text then return {} end
    local record = cjson.decode(text)
    if redis.call('HGET', keys[3], args[2]) ~= args[1] .. '|' .. tostring(record.update) then return {} end
    if record.conn ~= args[3] then
      record.conn = args[3]
      redis.call('HSET', keys[2], args[2], cjson.encode(record))
    end
    return { record.update, record.state }
  end)

  -- update_step: one step of one door's update. A step of a connection that no longer has the update changes nothing.
  -- `update`: '' whichever; `connection`: '' whichever, for the driver; `code`: or ''; `retry_ms`: for 'waiting', until the door may be
  -- asked again; `driver`: '' a relay that has the door
  -- Result: 'ok' | 'same' | 'stale' | 'impossible'
  register('update_step', function(keys, args)
    local rollout_key, _, _, failed_key, traffic_key = unpack(keys)
    local door, update, connection, to, code, entry, retry_ms, driver = unpack(args)
    local now = now_ms()
    if driver ~= '' and not is_driver(rollout_key, driver, now) then return 'stale' end
    local text = redis.call('HGET', keys[2], door)
    local record = text and cjson.decode(text)
    if not record or (update ~= '' and record.update ~= update) or (connection ~= '' and record.conn ~= connection) then return 'stale' end
    if record.state == to then return 'same' end
    if not may_follow(record.state, to) then return 'impossible' end
    local hard = to == 'timed_out' and UNDER_WAY[record.state] and UNDER_WAY[record.state] >= 3
    record.code = code ~= '' and code or nil
    if to == 'waiting' then record.notBefore = now + tonumber(retry_ms) end
    if to == 'verified' or to == 'confirmed' then record.percent = 100 end
    move(keys, door, record, to, now)
    -- Protocol 12.3: a release that failed on a door is not offered to it again. Silence during the download is no failure of it.
    local of_today = to == 'refused' and OF_TODAY[code]
    if hard or (FAILURE[to] and to ~= 'timed_out' and not of_today) then
      redis.call('HSET', failed_key, door, cjson.encode({ state = to, code = record.code, at = now }))
    elseif to == 'confirmed' then
      redis.call('HDEL', failed_key, door)
    end
    audit(traffic_key, AUDIT_MAX.firmware, entry)
    return 'ok'
  end)

  -- update_progress: how far downloads are, several doors of one rollout at once, and the bytes sent since.
  -- KEYS 1 rollout, 2 doors; ARGV 1 bytes, then for each door: door, update id, connection, percent
  register('update_progress', function(keys, args)
    local now = now_ms()
    redis.call('HINCRBY', keys[1], 'bytes', args[1])
    for index = 2, #args, 4 do
      local text = redis.call('HGET', keys[2], args[index])
      local record = text and cjson.decode(text)
      if record and record.state == 'downloading' and record.update == args[index + 1] and record.conn == args[index + 2] then
        local percent = tonumber(args[index + 3])
        -- Progress is more than there ever was: one who begins again and again runs out of time.
        if percent > (record.percent or 0) then
          record.percent = percent
          record.at = now
          redis.call('HSET', keys[2], args[index], cjson.encode(record))
        end
      end
    end
    return 'ok'
  end)

  -- rollout_advance: opens the next stage; only the driver, and only from the stage it saw.
  -- KEYS 1 rollout, 2 audit; ARGV 1 driver, 2 stage seen, 3 audit entry
  -- Result: 1 | 0
  register('rollout_advance', function(keys, args)
    local now = now_ms()
    local fields = redis.call('HMGET', keys[1], 'state', 'stage', 'inFlight')
    if not is_driver(keys[1], args[1], now) or fields[1] ~= 'running' or fields[2] ~= args[2] or tonumber(fields[3]) > 0 then return 0 end
    redis.call('HSET', keys[1], 'stage', tonumber(args[2]) + 1, 'stageSince', int(now))
    audit(keys[2], AUDIT_MAX.firmware, args[3])
    return 1
  end)

  local MAY_BECOME = {
    paused = { running = true },
    running = { paused = true, halted = true },
    halted = { running = true },
    completed = { running = true },
    cancelled = { running = true, paused = true, halted = true },
  }

  -- rollout_set: pause, resume, cancel, halt, complete. A halt or a cancellation takes back downloads under way; resuming after a
  -- halt counts failures anew.
  -- `reason`: or ''; `driver`: '' an operator; `rollout_prefix`: of rollout keys
  -- Result: { 'ok' } | { 'missing' } | { 'state', the present one } | { 'not_driver' } | { 'rival', id }
  register('rollout_set', function(keys, args)
    local rollout_key, _, _, live_key, audit_key = unpack(keys)
    local id, to, reason, driver, rollout_prefix, entry = unpack(args)
    local now = now_ms()
    local state, spec = unpack(redis.call('HMGET', rollout_key, 'state', 'spec'))
    if not state then return { 'missing' } end
    if driver ~= '' and not is_driver(rollout_key, driver, now) then return { 'not_driver' } end
    if not MAY_BECOME[to][state] then return { 'state', state } end
    if to == 'running' then
      local other = rival(live_key, rollout_prefix, id, cjson.decode(spec))
      if other then return { 'rival', other } end
      if state == 'halted' then redis.call('HSET', rollout_key, 'failures', 0) end
      redis.call('SADD', live_key, id)
    end
    if to == 'halted' or to == 'cancelled' then stop_downloads(keys, id, now) end
    redis.call('HSET', rollout_key, 'state', to, 'stateSince', int(now))
    if reason == '' then redis.call('HDEL', rollout_key, 'reason') else redis.call('HSET', rollout_key, 'reason', reason) end
    audit(audit_key, AUDIT_MAX.firmware, entry)
    return { 'ok' }
  end)
end
