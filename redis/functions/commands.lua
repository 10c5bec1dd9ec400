do
  -- A door's commands under way: `deadline|site|entry` of each, where `entry` is the audit entry of its submission. It waits there for
  -- the command's end, so that what did nothing leaves a count and no entries of its own (protocol 10.1).
  local function under_way(value)
    return string.match(value, '^(%d+)|([^|]*)|(.*)$')
  end

  -- Where a door's trail and its commands under way are kept; `trail` is this in every function below.
  local function trail_of(door, open, audit_key, traffic, fold_key)
    return { door = door, open = open, audit = audit_key, traffic = traffic, fold = fold_key }
  end

  -- Takes a command off those under way and writes its end: what ran, or may have, with both entries; what certainly did nothing as a
  -- count of its site, door, code and minute. An end after `indeterminate` is an entry in any case: it corrects one.
  local function conclude(trail, id, code, entry, now)
    local value = redis.call('HGET', trail.open, id)
    if not value then return audit(trail.audit, AUDIT_MAX.door, entry) end
    redis.call('HDEL', trail.open, id)
    local _, site, submitted = under_way(value)
    if code == 'executed' or code == 'indeterminate' then
      audit(trail.audit, AUDIT_MAX.door, submitted)
      audit(trail.audit, AUDIT_MAX.door, entry)
    else
      fold(trail.fold, trail.traffic, '"kind":"command_settled","actor":"' .. site .. '","door":"' .. trail.door .. '","code":"' .. code .. '"', now)
    end
  end

  local function end_entry(trail, id, code, now)
    return '{"at":' .. int(now) .. ',"node":"store","kind":"command_settled","actor":"relay","door":"' .. trail.door .. '","commandId":"' .. id .. '","code":"' .. code .. '"}'
  end

  -- The end of a command that nobody settled in time (protocol 6.7): pending was certainly not sent, claimed may have run.
  -- Returns the state as it is now.
  local function overdue(trail, command_key, id, state, deadline, now)
    if now < tonumber(deadline) or (state ~= 'pending' and state ~= 'claimed') then return state end
    state = state == 'pending' and 'expired' or 'indeterminate'
    redis.call('HSET', command_key, 'state', state)
    conclude(trail, id, state, end_entry(trail, id, state, now), now)
    return state
  end

  -- Commands under way at the door, and those of `site` among them. What is past its deadline no longer counts; its end is written
  -- down here if nobody else did.
  local function count_under_way(trail, site, command_prefix, now)
    local flat = redis.call('HGETALL', trail.open)
    local all, own = 0, 0
    for index = 1, #flat, 2 do
      local id = flat[index]
      local deadline, owner = under_way(flat[index + 1])
      if tonumber(deadline) > now then
        all = all + 1
        if owner == site then own = own + 1 end
      else
        local command = redis.call('HMGET', command_prefix .. id, 'state', 'deadline')
        if command[1] then
          overdue(trail, command_prefix .. id, id, command[1], command[2], now)
        else
          -- No relay looked for ten minutes: nobody knows any more whether it was sent.
          conclude(trail, id, 'indeterminate', end_entry(trail, id, 'indeterminate', now), now)
        end
      end
    end
    return all, own
  end

  -- command_admit: the store's part of protocol 6.5, in its order, ending in one atomic insert. A door the site may not see is
  -- answered before everything else, as if it did not exist (7.6). A refused envelope is not recorded.
  -- `relay`, `connection`: who asks, and its connection of the door ('' none); `live_relays`: as ',a,b,'; `jwe`: '' where this relay
  -- has the door, it is stored for another one only; `built_in_role`: role that needs no grant ('' none).
  -- Result: { 'claimed', deadline } | { 'pending', deadline } | { 'replayed', state or '' } | { code, retry-after ms or 0 }
  --         | { 'elsewhere', 0 }: another connection is live, and the jwe is needed; nothing was recorded
  register('command_admit', function(keys, args)
    local record_key, grants_key, live_key, command_key, command_prefix, jwe_key, cooldown_key, open_key, audit_key, traffic_key, fold_key = unpack(keys)
    local site, door, id, scope, kid, iat, relay, connection, live_relays, jwe, timeout_ms, built_in_role, relay_channel, entry = unpack(args)
    local now = now_ms()
    local created, current_kid, disabled, banned = unpack(redis.call('HMGET', record_key, 'createdAt', 'kid', 'disabled', 'banned'))
    local role = built_in_role
    if role == '' then
      local grant = redis.call('HGET', grants_key, site)
      role = grant and in_force(grant, now)
    end
    if not created or not role then return { 'door_not_found', 0 } end

    local trail = trail_of(door, open_key, audit_key, traffic_key, fold_key)
    local state, deadline, sender = unpack(redis.call('HMGET', command_key, 'state', 'deadline', 'site'))
    if state then return { 'replayed', sender == site and overdue(trail, command_key, id, state, deadline, now) or '' } end
    if ROLE_RANK[role] < ROLE_RANK[SCOPE_ROLE[scope]] then return { 'action_not_allowed', 0 } end
    if disabled then return { 'door_disabled', 0 } end
    if not current_kid then return { 'key_not_found', 0 } end
    if current_kid ~= kid then return { 'wrong_key', 0 } end
    if banned then return { 'key_banned', 0 } end
    if math.abs(now - tonumber(iat)) > COMMAND.freshness_ms then return { 'stale_timestamp', 0 } end

    local refused_before, refused_until = unpack(redis.call('HMGET', cooldown_key, 'count', 'until'))
    if refused_until and tonumber(refused_until) > now then return { 'rate_limited', int(tonumber(refused_until) - now) } end

    local live_relay, live_connection = unpack(redis.call('HMGET', live_key, 'node', 'conn'))
    if not live_relay or not string.find(live_relays, ',' .. live_relay .. ',', 1, true) then return { 'door_offline', 0 } end

    local here = live_relay == relay and live_connection == connection
    if not here and jwe == '' then return { 'elsewhere', 0 } end

    local all, own = count_under_way(trail, site, command_prefix, now)
    if all >= COMMAND.in_flight_per_door or own >= COMMAND.in_flight_per_site then return { 'rate_limited', 250 } end

    state, deadline = here and 'claimed' or 'pending', int(now + tonumber(timeout_ms))
    redis.call('HSET', command_key, 'state', state, 'site', site, 'node', relay, 'at', int(now), 'deadline', deadline)
    -- Tells command_settle that there is something to forgive; for nearly every command there is not.
    if refused_before then redis.call('HSET', command_key, 'counted', '1') end
    redis.call('PEXPIRE', command_key, COMMAND.state_ms)
    redis.call('HSET', open_key, id, deadline .. '|' .. site .. '|' .. entry)
    if not here then
      redis.call('SET', jwe_key, jwe, 'PX', timeout_ms)
      redis.call('PUBLISH', relay_channel .. live_relay, '{"t":"claim","door":"' .. door .. '","id":"' .. id .. '"}')
    end
    return { state, deadline }
  end)

  -- command_claim: the relay that holds the door's socket takes a pending command for that very connection (protocol 6.7).
  -- Result: { 'claimed', jwe, deadline, site } | { state as it is, or 'gone' or 'not_live' }
  register('command_claim', function(keys, args)
    local command_key, jwe_key, live_key, open_key, audit_key, traffic_key, fold_key = unpack(keys)
    local door, id, relay, connection = unpack(args)
    local state, deadline, site = unpack(redis.call('HMGET', command_key, 'state', 'deadline', 'site'))
    if not state then return { 'gone' } end
    state = overdue(trail_of(door, open_key, audit_key, traffic_key, fold_key), command_key, id, state, deadline, now_ms())
    if state ~= 'pending' then return { state } end
    local live = redis.call('HMGET', live_key, 'node', 'conn')
    if live[1] ~= relay or live[2] ~= connection then return { 'not_live' } end
    local jwe = redis.call('GETDEL', jwe_key)
    if not jwe then return { 'gone' } end
    redis.call('HSET', command_key, 'state', 'claimed')
    return { 'claimed', jwe, deadline, site }
  end)

  -- command_nudge: publishes the hint again when it may have been lost; the command itself is never sent twice by it.
  -- Result: state, or '' when unknown
  register('command_nudge', function(keys, args)
    local command_key, live_key = unpack(keys)
    local door, id, relay_channel = unpack(args)
    local state = redis.call('HGET', command_key, 'state')
    if state == 'pending' then
      local relay = redis.call('HGET', live_key, 'node')
      if relay then redis.call('PUBLISH', relay_channel .. relay, '{"t":"claim","door":"' .. door .. '","id":"' .. id .. '"}') end
    end
    return state or ''
  end)

  -- One site at one door after a wrong credential or a bare 400 (protocol 6.6): from the third on each pauses it, for longer and longer.
  -- What was under way when a pause began adds none.
  local function count_refusal(cooldown_key, now)
    local count = redis.call('HINCRBY', cooldown_key, 'count', 1)
    redis.call('PEXPIRE', cooldown_key, COOLDOWN.remembered_ms)
    local level, pause_until = unpack(redis.call('HMGET', cooldown_key, 'level', 'until'))
    if count < COOLDOWN.refusals or (pause_until and tonumber(pause_until) > now) then return end
    level = tonumber(level or '0')
    local pause = math.min(COOLDOWN.first_ms * 2 ^ level, COOLDOWN.longest_ms)
    redis.call('HSET', cooldown_key, 'level', int(level + 1), 'until', int(now + pause))
  end

  -- command_settle: the door's answer. Only a claimed (or, late, an indeterminate) command of this door can be settled, once.
  -- `refusal`: 'credential', 'bare' (a 400 without a receipt) or ''; `receipt`: or ''; `entry`: audit entry of the end.
  -- Result: { state, 1 when this call settled it } | { '' , 0 } when unknown
  register_ending('command_settle', function(keys, args)
    local command_key, receipt_key, cooldown_key, open_key, audit_key, traffic_key, fold_key = unpack(keys)
    local door, id, status, refusal, receipt, relay, relay_channel, entry = unpack(args)
    local before, asker, forgives = unpack(redis.call('HMGET', command_key, 'state', 'node', 'counted'))
    if not before then return { '', 0 } end
    if before ~= 'claimed' and before ~= 'indeterminate' then return { before, 0 } end
    local now = now_ms()
    local state = status == '200' and 'executed' or 'refused'
    redis.call('HSET', command_key, 'state', state, 'status', status, 'settledAt', int(now))
    if receipt ~= '' then redis.call('SET', receipt_key, receipt, 'PX', COMMAND.receipt_ms) end
    conclude(trail_of(door, open_key, audit_key, traffic_key, fold_key), id, refusal == '' and state or 'refused_' .. refusal, entry, now)
    if refusal ~= '' then
      count_refusal(cooldown_key, now)
    elseif state == 'executed' and forgives then
      redis.call('DEL', cooldown_key)
    end
    if asker ~= relay then
      redis.call('PUBLISH', relay_channel .. asker, cjson.encode({ t = 'settled', id = id, state = state, status = tonumber(status), receipt = receipt ~= '' and receipt or nil }))
    end
    return { state, 1 }
  end)

  -- command_abandon: a claimed command that was certainly never written to a socket is expired, not indeterminate.
  -- Result: state as it is now, or ''
  register_ending('command_abandon', function(keys, args)
    local command_key, open_key, audit_key, traffic_key, fold_key = unpack(keys)
    local door, id, relay, relay_channel = unpack(args)
    local state, asker = unpack(redis.call('HMGET', command_key, 'state', 'node'))
    if state ~= 'claimed' then return state or '' end
    local now = now_ms()
    redis.call('HSET', command_key, 'state', 'expired')
    local trail = trail_of(door, open_key, audit_key, traffic_key, fold_key)
    conclude(trail, id, 'expired', end_entry(trail, id, 'expired', now), now)
    if asker ~= relay then redis.call('PUBLISH', relay_channel .. asker, '{"t":"settled","id":"' .. id .. '","state":"expired"}') end
    return 'expired'
  end)

  -- command_read: a command as it stands now, with its deadline taken into account.
  -- Result: { state, site, at, status or '', settledAt or '', receipt or '' } | {}
  register_ending('command_read', function(keys, args)
    local command_key, receipt_key, open_key, audit_key, traffic_key, fold_key = unpack(keys)
    local door, id = unpack(args)
    local state, deadline, site, at, status, settled_at = unpack(redis.call('HMGET', command_key, 'state', 'deadline', 'site', 'at', 'status', 'settledAt'))
    if not state then return {} end
    state = overdue(trail_of(door, open_key, audit_key, traffic_key, fold_key), command_key, id, state, deadline, now_ms())
    return { state, site, at, status or '', settled_at or '', redis.call('GET', receipt_key) or '' }
  end)
end
