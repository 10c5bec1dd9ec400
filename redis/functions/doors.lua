do
  -- Publishes to the relays that have a client subscribed to this door.
  local function presence(channel, online, at)
    redis.call('PUBLISH', channel, '{"t":"presence","online":' .. (online and 'true' or 'false') .. ',"at":' .. int(at) .. '}')
  end

  -- door_add: creates a door that waits for its key (protocol 4.1).
  -- `kid`: that alone may enrol ('' any). Result: 'ok' | 'exists'
  register('door_add', function(keys, args)
    local record_key, audit_key = unpack(keys)
    local name, token_hash, token_until, kid, entry = unpack(args)
    if redis.call('EXISTS', record_key) == 1 then return 'exists' end
    redis.call('HSET', record_key, 'name', name, 'createdAt', int(now_ms()), 'enrolHash', token_hash, 'enrolUntil', token_until, 'enrolKid', kid)
    audit(audit_key, AUDIT_MAX.door, entry)
    return 'ok'
  end)

  -- Remembers a key the door no longer has, the newest first (protocol 4.4).
  local function remember_kid(record_key, kids_before, kid)
    local kids = { kid }
    for other in string.gmatch(kids_before or '', '%S+') do
      if other ~= kid and #kids < DOOR.kids_before then kids[#kids + 1] = other end
    end
    redis.call('HSET', record_key, 'kidsBefore', table.concat(kids, ' '))
  end

  local function is_among(kids, kid)
    return string.find(' ' .. (kids or '') .. ' ', ' ' .. kid .. ' ', 1, true) ~= nil
  end

  -- door_reset: forgets key, session, presence and epoch (protocol 5.1); a new enrolment token binds a new key (4.4). Grants, audit and
  -- which keys it once had stay.
  -- KEYS record, live, audit; ARGV enrolment token hash, its end (ms), kid ('' any), audit entry
  -- Result: 'ok' | 'missing'
  register('door_reset', function(keys, args)
    if redis.call('EXISTS', keys[1]) == 0 then return 'missing' end
    local kid, kids_before = unpack(redis.call('HMGET', keys[1], 'kid', 'kidsBefore'))
    if kid then remember_kid(keys[1], kids_before, kid) end
    redis.call('HDEL', keys[1], 'kid', 'publicKey', 'registeredAt', 'sessionHash', 'sessionUntil', 'banned', 'firmware', 'epoch', 'source', 'sourceBefore')
    redis.call('HSET', keys[1], 'enrolHash', args[1], 'enrolUntil', args[2], 'enrolKid', args[3])
    redis.call('DEL', keys[2])
    audit(keys[3], AUDIT_MAX.door, args[4])
    return 'ok'
  end)

  -- door_set: sets or clears one flag of a door ('disabled' or 'banned').
  -- KEYS record, audit; ARGV flag, '1' or '', audit entry, kid the door must have for it ('' any)
  -- Result: 'ok' | 'missing' | 'other_key'
  register_ending('door_set', function(keys, args)
    if redis.call('EXISTS', keys[1]) == 0 then return 'missing' end
    if args[4] ~= '' and redis.call('HGET', keys[1], 'kid') ~= args[4] then return 'other_key' end
    if args[2] == '1' then redis.call('HSET', keys[1], args[1], '1') else redis.call('HDEL', keys[1], args[1]) end
    audit(keys[2], AUDIT_MAX.door, args[3])
    return 'ok'
  end)

  -- door_remove: deletes a door; its audit streams stay until they are exported, and commands under way end by themselves.
  -- KEYS record, grants, live, state, audit; ARGV audit entry
  -- Result: 'ok' | 'missing'
  register('door_remove', function(keys, args)
    if redis.call('EXISTS', keys[1]) == 0 then return 'missing' end
    redis.call('DEL', keys[1], keys[2], keys[3], keys[4])
    audit(keys[5], AUDIT_MAX.door, args[1])
    return 'ok'
  end)

  -- door_grant: gives a site a role, or takes it away when the grant is '' (protocol 7.6).
  -- KEYS record, grants, audit; ARGV site id, grant as `role|notBefore|notAfter` ('' revokes), audit entry
  -- Result: 'ok' | 'missing' | 'no_grant'
  register_ending('door_grant', function(keys, args)
    if redis.call('EXISTS', keys[1]) == 0 then return 'missing' end
    if args[2] == '' then
      if redis.call('HDEL', keys[2], args[1]) == 0 then return 'no_grant' end
    else
      redis.call('HSET', keys[2], args[1], args[2])
    end
    audit(keys[3], AUDIT_MAX.door, args[3])
    return 'ok'
  end)

  -- door_register: binds a key or recognises it, and starts a session (protocol 4.4, 4.5). Proof and rotation were verified by the caller.
  -- Whoever has neither the door's key, nor one it once had, nor its token, is told nothing, and costs no memory: a challenge is used
  -- up only by those.
  -- `token_hash`: '' none; `rotated_from`: kid of the key that signed a valid rotation ('' none); `kid_banned`: '1' when the list says so
  -- Result: 'ok' | 'missing' | 'stranger' | 'token' | 'wrong_key' | 'nonce' | 'busy' (too many challenges used) | 'disabled' | 'banned'
  register('door_register', function(keys, args)
    local record_key, nonces_key, audit_key = unpack(keys)
    local kid, public_key, token_hash, rotated_from, kid_banned, session_hash, session_ms, firmware, nonce, nonce_ms, entry = unpack(args)
    local now = now_ms()
    local created, bound, disabled, banned, kids_before = unpack(redis.call('HMGET', record_key, 'createdAt', 'kid', 'disabled', 'banned', 'kidsBefore'))
    if not created then return 'missing' end
    if bound then
      if bound ~= kid and bound ~= rotated_from then return is_among(kids_before, kid) and 'wrong_key' or 'stranger' end
    else
      local enrol_hash, enrol_until, enrol_kid = unpack(redis.call('HMGET', record_key, 'enrolHash', 'enrolUntil', 'enrolKid'))
      if token_hash == '' or enrol_hash ~= token_hash or tonumber(enrol_until) <= now then return 'token' end
      if enrol_kid ~= '' and enrol_kid ~= kid then return 'wrong_key' end
    end
    redis.call('ZREMRANGEBYSCORE', nonces_key, '-inf', int(now))
    if redis.call('ZSCORE', nonces_key, nonce) then return 'nonce' end
    if redis.call('ZCARD', nonces_key) >= DOOR.used_nonces then return 'busy' end
    redis.call('ZADD', nonces_key, int(now + tonumber(nonce_ms)), nonce)
    redis.call('PEXPIRE', nonces_key, nonce_ms)
    if disabled then return 'disabled' end
    if banned or kid_banned == '1' then return 'banned' end
    if bound ~= kid then
      if bound then remember_kid(record_key, kids_before, bound) end
      redis.call('HSET', record_key, 'kid', kid, 'publicKey', public_key, 'registeredAt', int(now))
      redis.call('HDEL', record_key, 'enrolHash', 'enrolUntil', 'enrolKid')
    end
    redis.call('HSET', record_key, 'sessionHash', session_hash, 'sessionUntil', int(now + tonumber(session_ms)), 'firmware', firmware)
    audit(audit_key, AUDIT_MAX.door, entry)
    return 'ok'
  end)

  -- door_attach: makes one socket the door's live one and fences the others by epoch (protocol 4.6, 5.1). A door that claims to know an
  -- epoch far above the record would use the numbers up: it is refused, and nothing is changed.
  -- Result: { 'ok', epoch, replaced relay or '', replaced connection or '', recorded epoch before, sources take turns (1/0) }
  --         | { 'session' | 'disabled' | 'epoch' }
  register('door_attach', function(keys, args)
    local record_key, live_key, state_key, traffic_key = unpack(keys)
    local session, relay, connection, door_epoch, address, events_channel, relay_channel, entry = unpack(args)
    local now = now_ms()
    local session_hash, session_until, disabled, banned, recorded, source, source_before = unpack(redis.call('HMGET', record_key,
      'sessionHash', 'sessionUntil', 'disabled', 'banned', 'epoch', 'source', 'sourceBefore'))
    if not session_hash or session_hash ~= session or tonumber(session_until) <= now then return { 'session' } end
    if disabled or banned then return { 'disabled' } end
    recorded = tonumber(recorded or '0')
    door_epoch = tonumber(door_epoch)
    if door_epoch - recorded > DOOR.epoch_jump then return { 'epoch' } end
    local epoch = math.max(recorded, door_epoch) + 1
    local turns = 0
    if source ~= address then
      -- A key in two hands shows as two sources that take turns.
      if source_before == address then turns = 1 end
      redis.call('HSET', record_key, 'epoch', int(epoch), 'source', address, 'sourceBefore', source or '')
    else
      redis.call('HSET', record_key, 'epoch', int(epoch))
    end
    local old_relay, old_connection = unpack(redis.call('HMGET', live_key, 'node', 'conn'))
    redis.call('HSET', live_key, 'node', relay, 'conn', connection, 'epoch', int(epoch), 'since', int(now))
    if old_relay and old_relay ~= relay then
      redis.call('PUBLISH', relay_channel .. old_relay, cjson.encode({ t = 'superseded', conn = old_connection }))
    end
    redis.call('HSET', state_key, 'lastSeen', int(now))
    audit(traffic_key, AUDIT_MAX.door, entry)
    presence(events_channel, true, now)
    return { 'ok', int(epoch), old_relay or '', old_connection or '', int(recorded), turns }
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
  -- `field`: 'conn' or 'node'. Result: 1 when it was the live one
  register_ending('door_detach', function(keys, args)
    local live_key, state_key, traffic_key = unpack(keys)
    local field, value, events_channel, entry = unpack(args)
    if redis.call('HGET', live_key, field) ~= value then return 0 end
    local now = now_ms()
    redis.call('DEL', live_key)
    redis.call('HSET', state_key, 'lastSeen', int(now))
    audit(traffic_key, AUDIT_MAX.door, entry)
    presence(events_channel, false, now)
    return 1
  end)

  -- What a door tells because it refused something: a site could fill the trail with it, so it is folded like a refusal (protocol 10.1).
  local OF_REFUSALS = { wrong_password = true, lockout = true, replay_refused = true }

  -- door_event: an event of the door: into its audit trail and to the subscribers.
  -- `frame`: what subscribers get, as JSON
  register('door_event', function(keys, args)
    local traffic_key, fold_key = unpack(keys)
    local door, events_channel, frame, entry = unpack(args)
    local kind = cjson.decode(frame).kind
    if OF_REFUSALS[kind] then
      fold(fold_key, traffic_key, '"kind":"door_event","actor":"door:' .. door .. '","door":"' .. door .. '","code":"' .. kind .. '"', now_ms())
    else
      audit(traffic_key, AUDIT_MAX.door, entry)
    end
    redis.call('PUBLISH', events_channel, frame)
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
