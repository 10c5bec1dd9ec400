do
  -- audit_fold: adds counts of refusals and failures to this minute's fold (protocol 10.1), so that a flood cannot fill the store.
  -- KEYS[1] hash of the minute, KEYS[2] sorted set of open minutes
  -- ARGV[1] minute, ARGV[2] most fields a minute may hold, ARGV[3] TTL in seconds, ARGV[4] field that takes the overflow, then field, count, …
  -- Result: number of fields that went to the overflow.
  register('audit_fold', function(keys, args)
    local overflow = 0
    local size = redis.call('HLEN', keys[1])
    for index = 5, #args, 2 do
      local field = args[index]
      if size >= tonumber(args[2]) and redis.call('HEXISTS', keys[1], field) == 0 then
        field = args[4]
        overflow = overflow + 1
      end
      if redis.call('HINCRBY', keys[1], field, args[index + 1]) == tonumber(args[index + 1]) then size = size + 1 end
    end
    redis.call('EXPIRE', keys[1], args[3])
    redis.call('ZADD', keys[2], args[1], args[1])
    return overflow
  end)

  -- audit_fold_close: moves one finished minute from its fold to the stream; of several relays that try, one does it.
  -- KEYS[1] hash of the minute, KEYS[2] sorted set of open minutes, KEYS[3] stream
  -- ARGV[1] minute, ARGV[2] bound of the stream
  -- Result: number of entries written.
  register('audit_fold_close', function(keys, args)
    if redis.call('ZREM', keys[2], args[1]) == 0 then return 0 end
    local flat = redis.call('HGETALL', keys[1])
    for index = 1, #flat, 2 do
      -- The field is the entry as JSON without its count; the count goes before the closing brace.
      audit(keys[3], args[2], string.sub(flat[index], 1, -2) .. ',"count":' .. flat[index + 1] .. '}')
    end
    redis.call('DEL', keys[1])
    return #flat / 2
  end)
end
