do
  -- Moving a store of layout 1 to this one (src/store/layout). Each function may be called again after a stop at any point. None is
  -- refused for want of memory: a move takes as much away as it adds.

  -- layout_lock: takes or renews the lock of whoever moves a store. KEYS lock; ARGV holder, ms. Result: 1 | 0 (somebody else has it)
  register_ending('layout_lock', function(keys, args)
    local holder = redis.call('GET', keys[1])
    if holder and holder ~= args[1] then return 0 end
    redis.call('SET', keys[1], args[1], 'PX', args[2])
    return 1
  end)

  -- layout_unlock: KEYS lock; ARGV holder. Result: 1 | 0 (it was somebody else's)
  register_ending('layout_unlock', function(keys, args)
    return redis.call('GET', keys[1]) == args[1] and redis.call('DEL', keys[1]) or 0
  end)

  -- layout_close: puts a string in the place of an older program's leases (a sorted set) or index of doors (a set), so that whatever
  -- such a program begins with fails. Only when no lease is in force, and all members were copied.
  -- KEYS leases or index; ARGV members copied, what the string says
  -- Result: { 'closed' } | { 'alive', leases in force } | { 'grown' }
  register_ending('layout_close', function(keys, args)
    local kind = redis.call('TYPE', keys[1]).ok
    local members = 0
    if kind == 'zset' then
      local alive = redis.call('ZCOUNT', keys[1], '(' .. int(now_ms()), '+inf')
      if alive > 0 then return { 'alive', alive } end
      members = redis.call('ZCARD', keys[1])
    elseif kind == 'set' then
      members = redis.call('SCARD', keys[1])
    end
    if members ~= tonumber(args[1]) then return { 'grown' } end
    redis.call('SET', keys[1], args[2])
    return { 'closed' }
  end)

  -- What a stream tells of itself: { length, entries ever added, last id, highest removed id }, or {} when there is none.
  local function stream_told(key)
    if redis.call('EXISTS', key) == 0 then return {} end
    local info = redis.call('XINFO', 'STREAM', key)
    local told = {}
    for index = 1, #info, 2 do told[info[index]] = info[index + 1] end
    return { told['length'], told['entries-added'], told['last-generated-id'], told['max-deleted-entry-id'] }
  end

  -- layout_take: begins the move of a door: renames its record, so that to an older program it is gone and nothing changes any more,
  -- and tells all that is small. `command_prefix`, `jwe_prefix`, `cooldown_prefix`: of keys with the same tag; `built_in`: who needs no grant.
  -- Result: { record, grants, live, state, nonces, fold (each flat), { id, value, command (flat), jwe or '' } of each command under way,
  --           { site, count, level, until, at } of each cooldown, told of both streams, milliseconds the nonces have left or 0 }
  register_ending('layout_take', function(keys, args)
    local record_key, taken_key, grants_key, live_key, state_key, nonces_key, fold_key, open_key, audit_key, traffic_key = unpack(keys)
    local command_prefix, jwe_prefix, cooldown_prefix, built_in = unpack(args)
    if redis.call('EXISTS', record_key) == 1 then redis.call('RENAME', record_key, taken_key) end
    local grants = redis.call('HGETALL', grants_key)

    local commands = {}
    local open = redis.call('HGETALL', open_key)
    for index = 1, #open, 2 do
      local id = open[index]
      commands[#commands + 1] = { id, open[index + 1], redis.call('HGETALL', command_prefix .. id), redis.call('GET', jwe_prefix .. id) or '' }
    end

    local now = now_ms()
    local cooldowns = {}
    local function add_cooldown(site)
      local count, level, until_ms = unpack(redis.call('HMGET', cooldown_prefix .. site, 'count', 'level', 'until'))
      if not count then return end
      local at = now + redis.call('PTTL', cooldown_prefix .. site) - COOLDOWN.remembered_ms
      cooldowns[#cooldowns + 1] = { site, count, level or '0', until_ms or '', int(at) }
    end
    for index = 1, #grants, 2 do add_cooldown(grants[index]) end
    add_cooldown(built_in)

    return {
      redis.call('HGETALL', taken_key), grants, redis.call('HGETALL', live_key), redis.call('HGETALL', state_key),
      redis.call('ZRANGE', nonces_key, 0, -1, 'WITHSCORES'), redis.call('HGETALL', fold_key), commands, cooldowns,
      stream_told(audit_key), stream_told(traffic_key), math.max(0, redis.call('PTTL', nonces_key)),
    }
  end)

  -- layout_last: KEYS stream. Result: its last id, or '' when there is no stream
  register_ending('layout_last', function(keys)
    return stream_told(keys[1])[3] or ''
  end)

  -- layout_append: entries with the ids they had; all of them or, when the stream is past the first, none.
  -- KEYS stream; ARGV id, entry, …
  register_ending('layout_append', function(keys, args)
    for index = 1, #args, 2 do redis.call('XADD', keys[1], args[index], 'e', args[index + 1]) end
    return #args / 2
  end)

  -- Files a command unless it is there, in a hash that goes as a whole.
  local function file(key, id, value, gone_at)
    redis.call('HSETNX', key, id, value)
    redis.call('PEXPIREAT', key, gone_at, 'NX')
  end

  -- layout_file: files one command, and its receipt ('' none), for whoever asks for it after the move.
  -- KEYS commands, receipts; ARGV id, value, when the commands go, receipt, when the receipts go (Unix ms)
  register_ending('layout_file', function(keys, args)
    local id, value, gone_at, receipt, receipts_gone_at = unpack(args)
    file(keys[1], id, value, gone_at)
    if receipt ~= '' then file(keys[2], id, receipt, receipts_gone_at) end
    return 1
  end)

  local function put_hash(key, flat)
    for index = 1, #flat, 2 do redis.call('HSET', key, flat[index], flat[index + 1]) end
  end

  -- The numbers a stream tells of itself: what was told of dropped entries stays right.
  local function put_told(key, told)
    local length, added, last, removed = unpack(told)
    if not length or (length == 0 and added == 0) then return end
    if length == 0 and redis.call('EXISTS', key) == 0 then
      redis.call('XADD', key, last, 'e', '{}')
      redis.call('XDEL', key, last)
    end
    redis.call('XSETID', key, last, 'ENTRIESADDED', int(added), 'MAXDELETEDID', removed)
  end

  -- layout_put: writes all of a door but the entries of its streams, which are there before. A door that has a record already was put
  -- before, and may have changed since.
  -- KEYS record, state, nonces, fold, audit, traffic, then commands …; `door`: JSON of `placed` in src/store/layout/move-door.ts
  -- Result: what is there now: fields of the record, entries of audit and of traffic
  register_ending('layout_put', function(keys, args)
    local record_key, state_key, nonces_key, fold_key, audit_key, traffic_key = unpack(keys)
    local door = cjson.decode(args[1])
    if #door.record == 0 or redis.call('EXISTS', record_key) == 0 then
      put_hash(record_key, door.record)
      put_hash(state_key, door.state)
      put_hash(fold_key, door.fold)
      for index = 1, #door.nonces, 2 do redis.call('ZADD', nonces_key, door.nonces[index + 1], door.nonces[index]) end
      if door.nonceMs > 0 then redis.call('PEXPIRE', nonces_key, int(door.nonceMs)) end
      put_told(audit_key, door.audit)
      put_told(traffic_key, door.traffic)
      for index, command in ipairs(door.commands) do file(keys[6 + index], command.id, command.value, int(command.goneAt)) end
    end
    return { redis.call('HLEN', record_key), redis.call('XLEN', audit_key), redis.call('XLEN', traffic_key) }
  end)

  -- layout_drop: ends the move of a door: removes what it had before, unless its streams have grown since they were copied.
  -- KEYS audit, traffic, then all others; ARGV last id of audit and of traffic ('' no stream)
  -- Result: 1 | 0 (grown: nothing was removed)
  register_ending('layout_drop', function(keys, args)
    for index = 1, 2 do
      if (stream_told(keys[index])[3] or '') ~= args[index] then return 0 end
    end
    for _, key in ipairs(keys) do redis.call('UNLINK', key) end
    return 1
  end)
end
