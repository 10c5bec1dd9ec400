do
  -- Publishes to the relays that have a client subscribed to this door.
  local function presence(batch, base, online)
    redis.call('PUBLISH', CHANNEL.door .. door_of(base), '{"t":"presence","online":' .. (online and 'true' or 'false') .. ',"at":' .. batch.at .. '}')
  end

  -- door_add: creates a door that waits for its key (protocol 4.1).
  -- `kid`: that alone may enrol ('' any). Result: 'ok' | 'exists'
  register('door_add', function(keys, args)
    local record_key, audit_key = unpack(keys)
    local name, token_hash, token_until, kid, entry = unpack(args)
    if redis.call('HEXISTS', record_key, 'createdAt') == 1 then return 'exists' end
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
  -- KEYS record, audit; ARGV enrolment token hash, its end (ms), kid ('' any), audit entry
  -- Result: 'ok' | 'missing'
  register('door_reset', function(keys, args)
    local created, kid, kids_before = unpack(redis.call('HMGET', keys[1], 'createdAt', 'kid', 'kidsBefore'))
    if not created then return 'missing' end
    if kid then remember_kid(keys[1], kids_before, kid) end
    redis.call('HDEL', keys[1], 'kid', 'publicKey', 'registeredAt', 'sessionHash', 'sessionUntil', 'banned', 'firmware', 'epoch', 'source', 'sourceBefore',
      'node', 'conn', 'since')
    redis.call('HSET', keys[1], 'enrolHash', args[1], 'enrolUntil', args[2], 'enrolKid', args[3])
    audit(keys[2], AUDIT_MAX.door, args[4])
    return 'ok'
  end)

  -- door_set: sets or clears one flag of a door ('disabled' or 'banned').
  -- KEYS record, audit; ARGV flag, '1' or '', audit entry, kid the door must have for it ('' any)
  -- Result: 'ok' | 'missing' | 'other_key'
  register_ending('door_set', function(keys, args)
    if redis.call('HEXISTS', keys[1], 'createdAt') == 0 then return 'missing' end
    if args[4] ~= '' and redis.call('HGET', keys[1], 'kid') ~= args[4] then return 'other_key' end
    if args[2] == '1' then redis.call('HSET', keys[1], args[1], '1') else redis.call('HDEL', keys[1], args[1]) end
    audit(keys[2], AUDIT_MAX.door, args[3])
    return 'ok'
  end)

  -- door_remove: deletes a door; its audit streams stay until they are exported. Commands under way end by themselves: what their end
  -- will write into the trail stays until then.
  -- KEYS record, state, audit; ARGV audit entry
  -- Result: 'ok' | 'missing'
  register('door_remove', function(keys, args)
    if redis.call('HEXISTS', keys[1], 'createdAt') == 0 then return 'missing' end
    for _, field in ipairs(redis.call('HKEYS', keys[1])) do
      if field ~= 'open' and string.sub(field, 1, #KEY.entry) ~= KEY.entry then redis.call('HDEL', keys[1], field) end
    end
    redis.call('DEL', keys[2])
    audit(keys[3], AUDIT_MAX.door, args[1])
    return 'ok'
  end)

  -- door_grant: gives a site a role, or takes it away when the grant is '' (protocol 7.6), and with it what is known of its refusals.
  -- KEYS record, audit; ARGV site id, grant as `role|notBefore|notAfter` ('' revokes), audit entry
  -- Result: 'ok' | 'missing' | 'no_grant'
  register_ending('door_grant', function(keys, args)
    if redis.call('HEXISTS', keys[1], 'createdAt') == 0 then return 'missing' end
    if args[2] == '' then
      if redis.call('HDEL', keys[1], KEY.grant .. args[1]) == 0 then return 'no_grant' end
      redis.call('HDEL', keys[1], KEY.cooldown .. args[1])
    else
      redis.call('HSET', keys[1], KEY.grant .. args[1], args[2])
    end
    audit(keys[2], AUDIT_MAX.door, args[3])
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

  -- attach: makes one socket the door's live one and fences the others by epoch (protocol 4.6, 5.1). A door that claims to know an
  -- epoch far above the record would use the numbers up: it is refused, and nothing is changed.
  -- Answer: 'ok <epoch> <recorded epoch before> <sources take turns (1/0)> <replaced connection or nothing>' | 'session' | 'disabled' | 'epoch'
  item('attach', 6, function(batch, base, session, connection, door_epoch, address, entry)
    local record_key = base .. KEY.record
    local session_hash, session_until, disabled, banned, recorded, source, source_before, old_relay, old_connection = unpack(redis.call('HMGET', record_key,
      'sessionHash', 'sessionUntil', 'disabled', 'banned', 'epoch', 'source', 'sourceBefore', 'node', 'conn'))
    if not session_hash or session_hash ~= session or tonumber(session_until) <= batch.now then return 'session' end
    if disabled or banned then return 'disabled' end
    recorded = tonumber(recorded or '0')
    door_epoch = tonumber(door_epoch)
    if door_epoch - recorded > DOOR.epoch_jump then return 'epoch' end
    local epoch = int(math.max(recorded, door_epoch) + 1)
    local turns = '0'
    if source ~= address then
      -- A key in two hands shows as two sources that take turns.
      if source_before == address then turns = '1' end
      redis.call('HSET', record_key, 'source', address, 'sourceBefore', source or '')
    end
    redis.call('HSET', record_key, 'epoch', epoch, 'node', batch.relay, 'conn', connection, 'since', batch.at)
    if old_relay and old_relay ~= batch.relay then
      redis.call('PUBLISH', CHANNEL.node .. old_relay, cjson.encode({ t = 'superseded', conn = old_connection }))
    end
    redis.call('HSET', base .. KEY.state, 'lastSeen', batch.at)
    audit(base .. KEY.auditTraffic, AUDIT_MAX.door, entry)
    presence(batch, base, true)
    return 'ok ' .. epoch .. ' ' .. int(recorded) .. ' ' .. turns .. ' ' .. (old_connection or '')
  end)

  -- reassert: after a store outage a relay says again that it holds this socket, unless a newer one came (protocol 5.1).
  -- Answer: 'ok' | 'superseded' | 'missing'
  item('reassert', 3, function(batch, base, connection, epoch)
    local created, recorded, live_connection = unpack(redis.call('HMGET', base .. KEY.record, 'createdAt', 'epoch', 'conn'))
    if not created then return 'missing' end
    if live_connection == connection then return 'ok' end
    if tonumber(recorded or '0') > tonumber(epoch) then return 'superseded' end
    redis.call('HSET', base .. KEY.record, 'epoch', epoch, 'node', batch.relay, 'conn', connection, 'since', batch.at)
    presence(batch, base, true)
    return 'ok'
  end)

  -- detach: takes presence away, only from the very connection (or relay) that has it: a late "offline" of an old socket
  -- must not erase the new one.
  -- `field`: 'conn' or 'node'. Answer: '1' when it was the live one | '0'
  item('detach', 4, function(batch, base, field, value, entry)
    if redis.call('HGET', base .. KEY.record, field) ~= value then return '0' end
    redis.call('HDEL', base .. KEY.record, 'node', 'conn', 'since')
    redis.call('HSET', base .. KEY.state, 'lastSeen', batch.at)
    audit(base .. KEY.auditTraffic, AUDIT_MAX.door, entry)
    presence(batch, base, false)
    return '1'
  end)

  -- What a door tells because it refused something: a site could fill the trail with it, so it is folded like a refusal (protocol 10.1).
  local OF_REFUSALS = { wrong_password = true, lockout = true, replay_refused = true }

  -- event: an event of the door: into its audit trail and to the subscribers.
  -- `frame`: what subscribers get, as JSON. Answer: ''
  item('event', 4, function(batch, base, kind, frame, entry)
    local door = door_of(base)
    if OF_REFUSALS[kind] then
      local fields = '"kind":"door_event","actor":"door:' .. door .. '","door":"' .. door .. '","code":"' .. kind .. '"'
      fold(base .. KEY.auditFold, base .. KEY.auditTraffic, fields, batch.now)
    else
      audit(base .. KEY.auditTraffic, AUDIT_MAX.door, entry)
    end
    redis.call('PUBLISH', CHANNEL.door .. door, frame)
    return ''
  end)

  -- state: the last state a door told (protocol 5.3), advisory.
  -- `state`: JSON; `at`: ms; `frame`: for the subscribers. Answer: ''
  item('state', 4, function(_, base, state, at, frame)
    redis.call('HSET', base .. KEY.state, 'state', state, 'at', at)
    redis.call('PUBLISH', CHANNEL.door .. door_of(base), frame)
    return ''
  end)
end
