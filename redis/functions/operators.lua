do
  -- operator_session_open: a session of the machine's own operator, as long as its access token (protocol 11.2).
  -- KEYS session, audit; ARGV life (ms), audit entry
  -- Result: 1
  register('operator_session_open', function(keys, args)
    redis.call('SET', keys[1], '1', 'PX', args[1])
    audit(keys[2], AUDIT_MAX.fleet, args[2])
    return 1
  end)

  -- operator_session_end: ends a session and tells every relay (protocol 3.4).
  -- KEYS session, audit; ARGV audit entry, channel, message
  -- Result: 1 | 0 (there was none)
  register_ending('operator_session_end', function(keys, args)
    if redis.call('DEL', keys[1]) == 0 then return 0 end
    audit(keys[2], AUDIT_MAX.fleet, args[1])
    redis.call('PUBLISH', args[2], args[3])
    return 1
  end)
end
