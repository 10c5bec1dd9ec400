do
  local AUDIT_MAX = 10000

  -- Publishes to the relays that have a client subscribed to this door.
  local function presence(channel, online, at)
    redis.call('PUBLISH', channel, '{"t":"presence","online":' .. (online and 'true' or 'false') .. ',"at":' .. int(at) .. '}')
  end

  -- door_add: creates a door that waits for its key (protocol 4.1).
  -- KEYS record, audit; ARGV name, enrolment token hash, its end (ms), kid that alone may enrol ('' any), audit entry
  -- Result: 'ok' | 'exists'
  register('door_add', function(keys, args)
    if redis.call('EXISTS', keys[1]) == 1 then return 'exists' end
    redis.call('HSET', keys[1], 'name', args[1], 'createdAt', int(now_ms()), 'enrolHash', args[2], 'enrolUntil', args[3], 'enrolKid', args[4])
    audit(keys[2], AUDIT_MAX, args[5])
    return 'ok'
  end)

  -- door_reset: forgets key, session and presence; a new enrolment token binds a new key (protocol 4.4). Epoch, grants and audit stay.
  -- KEYS record, live, audit; ARGV enrolment token hash, its end (ms), kid ('' any), audit entry
  -- Result: 'ok' | 'missing'
  register('door_reset', function(keys, args)
    if redis.call('EXISTS', keys[1]) == 0 then return 'missing' end
    redis.call('HDEL', keys[1], 'kid', 'publicKey', 'registeredAt', 'sessionHash', 'sessionUntil', 'banned', 'firmware')
    redis.call('HSET', keys[1], 'enrolHash', args[1], 'enrolUntil', args[2], 'enrolKid', args[3])
    redis.call('DEL', keys[2])
    audit(keys[3], AUDIT_MAX, args[4])
    return 'ok'
  end)

  -- door_set: sets or clears one flag of a door ('disabled' or 'banned').
  -- KEYS record, audit; ARGV flag, '1' or '', audit entry, kid the door must have for it ('' any)
  -- Result: 'ok' | 'missing' | 'other_key'
  register('door_set', function(keys, args)
    if redis.call('EXISTS', keys[1]) == 0 then return 'missing' end
    if args[4] ~= '' and redis.call('HGET', keys[1], 'kid') ~= args[4] then return 'other_key' end
    if args[2] == '1' then redis.call('HSET', keys[1], args[1], '1') else redis.call('HDEL', keys[1], args[1]) end
    audit(keys[2], AUDIT_MAX, args[3])
    return 'ok'
  end)

  -- door_remove: deletes a door; its audit stream stays until it is exported.
  -- KEYS record, grants, live, state, in-flight, audit; ARGV audit entry
  -- Result: 'ok' | 'missing'
  register('door_remove', function(keys, args)
    if redis.call('EXISTS', keys[1]) == 0 then return 'missing' end
    redis.call('DEL', keys[1], keys[2], keys[3], keys[4], keys[5])
    audit(keys[6], AUDIT_MAX, args[1])
    return 'ok'
  end)

  -- door_grant: gives a site a role, or takes it away when the grant is '' (protocol 7.6).
  -- KEYS record, grants, audit; ARGV site id, grant as `role|notBefore|notAfter` ('' revokes), audit entry
  -- Result: 'ok' | 'missing' | 'no_grant'
  register('door_grant', function(keys, args)
    if redis.call('EXISTS', keys[1]) == 0 then return 'missing' end
    if args[2] == '' then
      if redis.call('HDEL', keys[2], args[1]) == 0 then return 'no_grant' end
    else
      redis.call('HSET', keys[2], args[1], args[2])
    end
    audit(keys[3], AUDIT_MAX, args[3])
    return 'ok'
  end)

  -- door_register: binds a key or recognises it, and starts a session (protocol 4.4, 4.5). Proof and rotation were verified by the caller.
  -- KEYS record, used nonce, audit
  -- ARGV kid, public key PEM, enrolment token hash ('' none), kid of the key that signed a valid rotation ('' none),
  --      session hash, session TTL (ms), firmware JSON, nonce TTL (ms), audit entry
  -- Result: 'ok' | 'missing' | 'disabled' | 'banned' | 'nonce' | 'token' | 'wrong_key'
  register('door_register', function(keys, args)
    local now = now_ms()
    local record = redis.call('HMGET', keys[1], 'createdAt', 'kid', 'disabled', 'enrolHash', 'enrolUntil', 'enrolKid', 'banned')
    if not record[1] then return 'missing' end
    if not redis.call('SET', keys[2], '1', 'NX', 'PX', args[8]) then return 'nonce' end
    local bound = record[2]
    if bound and bound ~= args[1] and args[4] ~= bound then return 'wrong_key' end
    if not bound then
      if args[3] == '' or record[4] ~= args[3] or tonumber(record[5]) <= now then return 'token' end
      if record[6] ~= '' and record[6] ~= args[1] then return 'wrong_key' end
    end
    if record[3] then return 'disabled' end
    if record[7] then return 'banned' end
    if bound ~= args[1] then
      redis.call('HSET', keys[1], 'kid', args[1], 'publicKey', args[2], 'registeredAt', int(now))
      redis.call('HDEL', keys[1], 'enrolHash', 'enrolUntil', 'enrolKid')
    end
    redis.call('HSET', keys[1], 'sessionHash', args[5], 'sessionUntil', int(now + tonumber(args[6])), 'firmware', args[7])
    audit(keys[3], AUDIT_MAX, args[9])
    return 'ok'
  end)

  -- door_attach: makes one socket the door's live one and fences the others by epoch (protocol 4.6, 5.1).
  -- KEYS record, live, state, audit
  -- ARGV session hash, relay, connection, epoch the door knows, source address, events channel, prefix of relay channels, audit entry
  -- Result: { 'ok', epoch, replaced relay or '', replaced connection or '', recorded epoch before, sources take turns (1/0) } | { 'session' | 'disabled' }
  register('door_attach', function(keys, args)
    local now = now_ms()
    local record = redis.call('HMGET', keys[1], 'sessionHash', 'sessionUntil', 'disabled', 'banned', 'epoch', 'source', 'sourceBefore')
    if not record[1] or record[1] ~= args[1] or tonumber(record[2]) <= now then return { 'session' } end
    if record[3] or record[4] then return { 'disabled' } end
    local recorded = tonumber(record[5] or '0')
    local epoch = math.max(recorded, tonumber(args[4])) + 1
    local turns = 0
    if record[6] ~= args[5] then
      -- A key in two hands shows as two sources that take turns.
      if record[7] == args[5] then turns = 1 end
      redis.call('HSET', keys[1], 'epoch', int(epoch), 'source', args[5], 'sourceBefore', record[6] or '')
    else
      redis.call('HSET', keys[1], 'epoch', int(epoch))
    end
    local old = redis.call('HMGET', keys[2], 'node', 'conn')
    redis.call('HSET', keys[2], 'node', args[2], 'conn', args[3], 'epoch', int(epoch), 'since', int(now))
    if old[1] and old[1] ~= args[2] then
      redis.call('PUBLISH', args[7] .. old[1], cjson.encode({ t = 'superseded', conn = old[2] }))
    end
    redis.call('HSET', keys[3], 'lastSeen', int(now))
    audit(keys[4], AUDIT_MAX, args[8])
    presence(args[6], true, now)
    return { 'ok', int(epoch), old[1] or '', old[2] or '', int(recorded), turns }
  end)

  -- door_reassert: after a store outage a relay says again that it holds this socket, unless a newer one came (protocol 5.1).
  -- KEYS record, live; ARGV relay, connection, epoch, events channel
  -- Result: 'ok' | 'superseded' | 'missing'
  register('door_reassert', function(keys, args)
    local record = redis.call('HMGET', keys[1], 'createdAt', 'epoch')
    if not record[1] then return 'missing' end
    local live = redis.call('HMGET', keys[2], 'conn', 'epoch')
    if live[1] == args[2] then return 'ok' end
    if tonumber(record[2] or '0') > tonumber(args[3]) then return 'superseded' end
    local now = now_ms()
    redis.call('HSET', keys[1], 'epoch', args[3])
    redis.call('HSET', keys[2], 'node', args[1], 'conn', args[2], 'epoch', args[3], 'since', int(now))
    presence(args[4], true, now)
    return 'ok'
  end)

  -- door_detach: takes presence away, only from the very connection (or relay) that has it: a late "offline" of an old socket
  -- must not erase the new one.
  -- KEYS live, state, audit; ARGV field ('conn' or 'node'), its value, events channel, audit entry
  -- Result: 1 when it was the live one
  register('door_detach', function(keys, args)
    if redis.call('HGET', keys[1], args[1]) ~= args[2] then return 0 end
    local now = now_ms()
    redis.call('DEL', keys[1])
    redis.call('HSET', keys[2], 'lastSeen', int(now))
    audit(keys[3], AUDIT_MAX, args[4])
    presence(args[3], false, now)
    return 1
  end)

  -- door_event: an event of the door: into its audit trail and to the subscribers.
  -- KEYS audit; ARGV events channel, event frame JSON, audit entry
  register('door_event', function(keys, args)
    audit(keys[1], AUDIT_MAX, args[3])
    redis.call('PUBLISH', args[1], args[2])
    return 1
  end)

  -- door_state: the last state a door told (protocol 5.3), advisory.
  -- KEYS state; ARGV state JSON, at (ms), events channel, frame for the subscribers
  register('door_state', function(keys, args)
    redis.call('HSET', keys[1], 'state', args[1], 'at', args[2])
    redis.call('PUBLISH', args[3], args[4])
    return 1
  end)
end
