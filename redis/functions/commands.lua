do
  local AUDIT_MAX = 10000
  local RANK = { viewer = 1, user = 2, manager = 3 }
  local NEEDS = { query = 1, operate = 2, configure = 3 }

  -- The end of a command that nobody settled in time (protocol 6.7): pending was certainly not sent, claimed may have run.
  -- Returns the state as it is now.
  local function overdue(command_key, audit_key, id, fields, now)
    local state, deadline = fields[1], tonumber(fields[2])
    if now < deadline or (state ~= 'pending' and state ~= 'claimed') then return state end
    state = state == 'pending' and 'expired' or 'indeterminate'
    redis.call('HSET', command_key, 'state', state)
    audit(audit_key, AUDIT_MAX, '{"at":' .. int(now) .. ',"node":"store","kind":"command_settled","actor":"relay","commandId":"' .. id .. '","code":"' .. state .. '"}')
    return state
  end

  -- True while the grant `role|notBefore|notAfter` is in force at `now` (protocol 7.6).
  local function in_force(grant, now)
    local role, not_before, not_after = string.match(grant, '^(%a+)|(%d*)|(%d*)$')
    if not role then return nil end
    if not_before ~= '' and now < tonumber(not_before) then return nil end
    if not_after ~= '' and now >= tonumber(not_after) then return nil end
    return role
  end

  -- command_admit: the store's part of protocol 6.5, in its order, ending in one atomic insert. A door the site may not see is
  -- answered before everything else, as if it did not exist (7.6). A refused envelope is not recorded.
  -- KEYS 1 record, 2 grants, 3 live, 4 in-flight, 5 command, 6 jwe, 7 audit, 8 cooldown of this site, 9 prefix of command keys
  -- ARGV 1 site, 2 scope, 3 kid, 4 iat, 5 this relay, 6 connection of the door on this relay ('' none), 7 live relays as ',a,b,',
  --      8 command id, 9 jwe ('' where this relay has the door: it is stored for another one only), 10 timeout ms,
  --      11 role that needs no grant ('' none), 12 freshness ms, 13 most in flight, 14 state TTL ms,
  --      15 prefix of relay channels, 16 audit entry, 17 door id
  -- Result: { 'claimed', deadline } | { 'pending', deadline } | { 'replayed', state or '' } | { code, retry-after ms or 0 }
  --         | { 'elsewhere', 0 }: another connection is live, and the jwe is needed; nothing was recorded
  register('command_admit', function(keys, args)
    local now = now_ms()
    local record = redis.call('HMGET', keys[1], 'createdAt', 'kid', 'disabled', 'banned')
    local role = args[11]
    if role == '' then
      local grant = redis.call('HGET', keys[2], args[1])
      role = grant and in_force(grant, now)
    end
    if not record[1] or not role then return { 'door_not_found', 0 } end

    local seen = redis.call('HMGET', keys[5], 'state', 'deadline', 'site')
    if seen[1] then
      if seen[3] ~= args[1] then return { 'replayed', '' } end
      return { 'replayed', overdue(keys[5], keys[7], args[8], seen, now) }
    end
    if RANK[role] < NEEDS[args[2]] then return { 'action_not_allowed', 0 } end
    if record[3] then return { 'door_disabled', 0 } end
    if not record[2] then return { 'key_not_found', 0 } end
    if record[2] ~= args[3] then return { 'wrong_key', 0 } end
    if record[4] then return { 'key_banned', 0 } end
    if math.abs(now - tonumber(args[4])) > tonumber(args[12]) then return { 'stale_timestamp', 0 } end

    local cooldown = redis.call('HMGET', keys[8], 'count', 'until')
    if cooldown[2] and tonumber(cooldown[2]) > now then return { 'rate_limited', int(tonumber(cooldown[2]) - now) } end

    local live = redis.call('HMGET', keys[3], 'node', 'conn')
    if not live[1] or not string.find(args[7], ',' .. live[1] .. ',', 1, true) then return { 'door_offline', 0 } end

    local here = live[1] == args[5] and live[2] == args[6]
    if not here and args[9] == '' then return { 'elsewhere', 0 } end

    -- What is past its deadline no longer counts as in flight; its end is written down here if nobody else did.
    local known = redis.call('ZRANGE', keys[4], 0, -1, 'WITHSCORES')
    local in_flight = 0
    for index = 1, #known, 2 do
      local id = known[index]
      if tonumber(known[index + 1]) > now then
        in_flight = in_flight + 1
      else
        local fields = redis.call('HMGET', keys[9] .. id, 'state', 'deadline')
        if fields[1] then overdue(keys[9] .. id, keys[7], id, fields, now) end
        redis.call('ZREM', keys[4], id)
      end
    end
    if in_flight >= tonumber(args[13]) then return { 'rate_limited', 250 } end

    local state = here and 'claimed' or 'pending'
    local deadline = int(now + tonumber(args[10]))
    redis.call('HSET', keys[5], 'state', state, 'site', args[1], 'node', args[5], 'at', int(now), 'deadline', deadline)
    -- Tells command_settle that there is something to forgive; for nearly every command there is not.
    if cooldown[1] then redis.call('HSET', keys[5], 'counted', '1') end
    redis.call('PEXPIRE', keys[5], args[14])
    redis.call('ZADD', keys[4], deadline, args[8])
    audit(keys[7], AUDIT_MAX, args[16])
    if not here then
      redis.call('SET', keys[6], args[9], 'PX', args[10])
      redis.call('PUBLISH', args[15] .. live[1], '{"t":"claim","door":"' .. args[17] .. '","id":"' .. args[8] .. '"}')
    end
    return { state, deadline }
  end)

  -- command_claim: the relay that holds the door's socket takes a pending command for that very connection (protocol 6.7).
  -- KEYS command, jwe, live, audit; ARGV relay, connection, command id
  -- Result: { 'claimed', jwe, deadline, site } | { state as it is, or 'gone' or 'not_live' }
  register('command_claim', function(keys, args)
    local now = now_ms()
    local fields = redis.call('HMGET', keys[1], 'state', 'deadline', 'site')
    if not fields[1] then return { 'gone' } end
    local state = overdue(keys[1], keys[4], args[3], fields, now)
    if state ~= 'pending' then return { state } end
    local live = redis.call('HMGET', keys[3], 'node', 'conn')
    if live[1] ~= args[1] or live[2] ~= args[2] then return { 'not_live' } end
    local jwe = redis.call('GETDEL', keys[2])
    if not jwe then return { 'gone' } end
    redis.call('HSET', keys[1], 'state', 'claimed')
    return { 'claimed', jwe, fields[2], fields[3] }
  end)

  -- command_nudge: publishes the hint again when it may have been lost; the command itself is never sent twice by it.
  -- KEYS command, live; ARGV prefix of relay channels, door id, command id
  -- Result: state, or '' when unknown
  register('command_nudge', function(keys, args)
    local state = redis.call('HGET', keys[1], 'state')
    if state == 'pending' then
      local node = redis.call('HGET', keys[2], 'node')
      if node then redis.call('PUBLISH', args[1] .. node, '{"t":"claim","door":"' .. args[2] .. '","id":"' .. args[3] .. '"}') end
    end
    return state or ''
  end)

  -- command_settle: the door's answer. Only a claimed (or, late, an indeterminate) command of this door can be settled, once.
  -- KEYS 1 command, 2 receipt, 3 in-flight, 4 audit, 5 cooldown of the sender's site
  -- ARGV 1 command id, 2 status, 3 'credential' or '', 4 receipt or '', 5 receipt TTL ms, 6 this relay, 7 prefix of relay channels,
  --      8 audit entry, 9 refusals that start a cooldown, 10 first cooldown ms, 11 longest cooldown ms
  -- Result: { state, 1 when this call settled it } | { '' , 0 } when unknown
  register('command_settle', function(keys, args)
    local fields = redis.call('HMGET', keys[1], 'state', 'node', 'counted')
    if not fields[1] then return { '', 0 } end
    if fields[1] ~= 'claimed' and fields[1] ~= 'indeterminate' then return { fields[1], 0 } end
    local now = now_ms()
    local state = args[2] == '200' and 'executed' or 'refused'
    redis.call('HSET', keys[1], 'state', state, 'status', args[2], 'settledAt', int(now))
    if args[4] ~= '' then redis.call('SET', keys[2], args[4], 'PX', args[5]) end
    redis.call('ZREM', keys[3], args[1])
    audit(keys[4], AUDIT_MAX, args[8])
    if args[3] == 'credential' then
      local count = redis.call('HINCRBY', keys[5], 'count', 1)
      if count >= tonumber(args[9]) then
        local level = tonumber(redis.call('HGET', keys[5], 'level') or '0')
        local pause = math.min(tonumber(args[10]) * 2 ^ level, tonumber(args[11]))
        redis.call('HSET', keys[5], 'count', 0, 'level', int(level + 1), 'until', int(now + pause))
      end
      redis.call('PEXPIRE', keys[5], int(2 * tonumber(args[11])))
    elseif state == 'executed' and fields[3] then
      redis.call('DEL', keys[5])
    end
    if fields[2] ~= args[6] then
      redis.call('PUBLISH', args[7] .. fields[2], cjson.encode({ t = 'settled', id = args[1], state = state, status = tonumber(args[2]), receipt = args[4] ~= '' and args[4] or nil }))
    end
    return { state, 1 }
  end)

  -- command_abandon: a claimed command that was certainly never written to a socket is expired, not indeterminate.
  -- KEYS command, in-flight, audit; ARGV command id, this relay, prefix of relay channels, audit entry
  -- Result: state as it is now, or ''
  register('command_abandon', function(keys, args)
    local fields = redis.call('HMGET', keys[1], 'state', 'node')
    if fields[1] ~= 'claimed' then return fields[1] or '' end
    redis.call('HSET', keys[1], 'state', 'expired')
    redis.call('ZREM', keys[2], args[1])
    audit(keys[3], AUDIT_MAX, args[4])
    if fields[2] ~= args[2] then
      redis.call('PUBLISH', args[3] .. fields[2], '{"t":"settled","id":"' .. args[1] .. '","state":"expired"}')
    end
    return 'expired'
  end)

  -- command_read: a command as it stands now, with its deadline taken into account.
  -- KEYS command, receipt, audit, in-flight; ARGV command id
  -- Result: { state, site, at, status or '', settledAt or '', receipt or '' } | {}
  register('command_read', function(keys, args)
    local now = now_ms()
    local fields = redis.call('HMGET', keys[1], 'state', 'deadline', 'site', 'at', 'status', 'settledAt')
    if not fields[1] then return {} end
    local state = overdue(keys[1], keys[3], args[1], fields, now)
    if state ~= fields[1] then redis.call('ZREM', keys[4], args[1]) end
    return { state, fields[3], fields[4], fields[5] or '', fields[6] or '', redis.call('GET', keys[2]) or '' }
  end)
end
