do
  -- audit_fold: adds counts of refusals and failures to this minute's fold (protocol 10.1), so that a flood cannot fill the store.
  -- KEYS hash of the minute, sorted set of open minutes
  -- ARGV minute, most fields a minute may hold, TTL in seconds, field that takes the overflow, then field, count, …
  -- Result: number of fields that went to the overflow.
  register('audit_fold', function(keys, args)
    local fold_key, minutes_key = unpack(keys)
    local minute, most, ttl, overflow_field = unpack(args)
    local overflow = 0
    local size = redis.call('HLEN', fold_key)
    for index = 5, #args, 2 do
      local field = args[index]
      if size >= tonumber(most) and redis.call('HEXISTS', fold_key, field) == 0 then
        field = overflow_field
        overflow = overflow + 1
      end
      if redis.call('HINCRBY', fold_key, field, args[index + 1]) == tonumber(args[index + 1]) then size = size + 1 end
    end
    redis.call('EXPIRE', fold_key, ttl)
    redis.call('ZADD', minutes_key, minute, minute)
    return overflow
  end)

  -- audit_fold_close: moves one finished minute from its fold to the stream; of several relays that try, one does it.
  -- KEYS hash of the minute, sorted set of open minutes, stream; ARGV minute
  -- Result: number of entries written.
  register('audit_fold_close', function(keys, args)
    local fold_key, minutes_key, traffic_key = unpack(keys)
    if redis.call('ZREM', minutes_key, args[1]) == 0 then return 0 end
    local flat = redis.call('HGETALL', fold_key)
    for index = 1, #flat, 2 do audit(traffic_key, AUDIT_MAX.fleet, counted(flat[index], flat[index + 1])) end
    redis.call('DEL', fold_key)
    return #flat / 2
  end)

  -- audit_door_fold_close: moves a door's fold of refusals into its stream, if its minute is over; for an export.
  -- KEYS fold, stream; Result: 1 closed, 0 there was none that is over
  register_ending('audit_door_fold_close', function(keys)
    local minute = redis.call('HGET', keys[1], 'minute')
    if not minute or tonumber(minute) + 60000 > now_ms() then return 0 end
    close_fold(keys[1], keys[2])
    return 1
  end)

  -- audit_dropped: how many entries the bound pushed out of a stream that nobody exported: the stream counts all that were ever
  -- added, and audit_remove takes the exported ones off that number.
  -- KEYS stream; Result: { count, id of the first entry that is still there or '' }
  register_ending('audit_dropped', function(keys)
    if redis.call('EXISTS', keys[1]) == 0 then return { 0, '' } end
    local info = redis.call('XINFO', 'STREAM', keys[1])
    local told = {}
    for index = 1, #info, 2 do told[info[index]] = info[index + 1] end
    local first = told['first-entry']
    return { told['entries-added'] - told['length'], first and first[1] or '' }
  end)

  -- audit_remove: takes exported entries out of a stream, and dropped ones that the export has told off its count.
  -- KEYS stream; ARGV dropped entries told, then ids …
  -- Result: number of entries removed
  register_ending('audit_remove', function(keys, args)
    local info = redis.call('XINFO', 'STREAM', keys[1])
    local told = {}
    for index = 1, #info, 2 do told[info[index]] = info[index + 1] end
    local removed = 0
    for index = 2, #args do removed = removed + redis.call('XDEL', keys[1], args[index]) end
    local added = math.max(told['length'] - removed, told['entries-added'] - removed - tonumber(args[1]))
    redis.call('XSETID', keys[1], told['last-generated-id'], 'ENTRIESADDED', int(added), 'MAXDELETEDID', told['max-deleted-entry-id'])
    return removed
  end)
end
