do
  -- node_beat: renews a relay's lease (protocol 5.5: one write per relay, not one per keep-alive).
  -- KEYS[1] sorted set of relays scored by the lease's end
  -- ARGV[1] relay id, ARGV[2] lease in ms
  -- Result: { had a valid lease (1/0), number of live relays, live relays …, expired relays … }
  register_ending('node_beat', function(keys, args)
    local now = now_ms()
    local until_ms = redis.call('ZSCORE', keys[1], args[1])
    local had = (until_ms and tonumber(until_ms) > now) and 1 or 0
    redis.call('ZADD', keys[1], int(now + tonumber(args[2])), args[1])
    local live = redis.call('ZRANGEBYSCORE', keys[1], '(' .. int(now), '+inf')
    local result = { had, #live }
    for _, node in ipairs(live) do result[#result + 1] = node end
    for _, node in ipairs(redis.call('ZRANGEBYSCORE', keys[1], '-inf', int(now))) do result[#result + 1] = node end
    return result
  end)
end
