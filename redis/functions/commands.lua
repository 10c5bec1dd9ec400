do
  local MINUTE_MS = 60000

  -- A command is a field of the hash of its shard and of the minute of its `iat`: `state|site|node|at|deadline|counted`, and behind that
  -- the envelope while another relay is to claim it, `status|settledAt` once the door has answered. `counted`: 1 when wrong passwords
  -- were counted as it was admitted, so that there is something to forgive.
  local HEAD = '^(%a+)(|([^|]*)|([^|]*)|(%d+)|(%d+)|(1?))'

  -- The hash a command is in, and what it holds of it (nil: nothing). `minute`: '' unknown, then it is looked for wherever it can be.
  local function find(base, id, minute, now)
    local prefix = shard_of(base) .. KEY.commands
    if minute ~= '' then
      local key = prefix .. minute
      return key, redis.call('HGET', key, id) or nil
    end
    local newest = math.floor(now / MINUTE_MS) + 1
    for candidate = newest, newest - COMMAND.minutes + 1, -1 do
      local key = prefix .. candidate
      local value = redis.call('HGET', key, id)
      if value then return key, value end
    end
    return nil, nil
  end

  -- A door's commands under way are lines of the field `open` of its record, `id|minute|` and what the command held when it was admitted.
  -- A line goes with its command's end, so that one that says `claimed` is right as long as it is there. The audit entry of the submission
  -- waits in the field `e:<id>` for the end, so that what did nothing leaves a count and no entries of its own (protocol 10.1).
  local LINE = '^([^|]*)|(%d+)|(%a+)(|([^|]*)|([^|]*)|(%d+)|(%d+)|(1?))$'

  -- The line of a command (nil: none), the entry of its submission, and the lines of the others.
  local function under_way(base, id)
    local open, submitted = unpack(redis.call('HMGET', base .. KEY.record, 'open', KEY.entry .. id))
    local own, others
    for line in string.gmatch(open or '', '[^\n]+') do
      if string.sub(line, 1, #id) == id then own = line else others = others and others .. '\n' .. line or line end
    end
    return own, submitted, others
  end

  -- Takes a command off those under way; `others`: the lines that stay.
  local function leave(base, id, others)
    if others then
      redis.call('HSET', base .. KEY.record, 'open', others)
      redis.call('HDEL', base .. KEY.record, KEY.entry .. id)
    else
      redis.call('HDEL', base .. KEY.record, 'open', KEY.entry .. id)
    end
  end

  -- Writes the end of a command that was under way: what ran, or may have, with both entries; what certainly did nothing as a count of
  -- its site, door, code and minute.
  local function write_end(batch, base, site, submitted, code, entry)
    if not submitted then
      audit(base .. KEY.audit, AUDIT_MAX.door, entry)
    elseif code == 'executed' or code == 'indeterminate' then
      redis.call('XADD', base .. KEY.audit, 'MAXLEN', '~', AUDIT_MAX.door, '*', 'e', submitted, 'e', entry)
    else
      local fields = '"kind":"command_settled","actor":"' .. site .. '","door":"' .. door_of(base) .. '","code":"' .. code .. '"'
      fold(base .. KEY.auditFold, base .. KEY.auditTraffic, fields, batch.now)
    end
  end

  local function end_entry(batch, base, id, code)
    return '{"at":' .. batch.at .. ',"node":"store","kind":"command_settled","actor":"relay","door":"' .. door_of(base) .. '","commandId":"' .. id .. '","code":"' .. code .. '"}'
  end

  -- Ends a command. Its line goes first: whatever of this should fail, a line that is there says `claimed` of what is claimed.
  -- `key`, `value`: what is kept of it from now on; `own`, `submitted`, `others`: as `under_way` says. An end after `indeterminate` is an
  -- entry in any case: it corrects one.
  local function conclude(batch, base, id, key, value, site, code, entry, own, submitted, others)
    if own then leave(base, id, others) end
    redis.call('HSET', key, id, value)
    if own then write_end(batch, base, site, submitted, code, entry) else audit(base .. KEY.audit, AUDIT_MAX.door, entry) end
  end

  -- What a command comes to that nobody settled in time (protocol 6.7): pending was certainly not sent, claimed may have run.
  -- Any other state stays.
  local function overdue(state)
    return state == 'pending' and 'expired' or state == 'claimed' and 'indeterminate' or state
  end

  -- The state as it is now, with its deadline taken into account. `value`: as it stands in `key`.
  local function state_now(batch, base, key, id, value)
    local state, middle, site, _, _, deadline = string.match(value, HEAD)
    local late = overdue(state)
    if late == state or batch.now < tonumber(deadline) then return state end
    conclude(batch, base, id, key, late .. middle, site, late, end_entry(batch, base, id, late), under_way(base, id))
    return late
  end

  -- The end of a line that is past its deadline, if nobody else wrote it down.
  local function close_line(batch, base, id, site, minute)
    local key = shard_of(base) .. KEY.commands .. minute
    local value = redis.call('HGET', key, id)
    -- No relay looked for ten minutes: nobody knows any more whether it was sent.
    local code = 'indeterminate'
    if value then
      local state, middle = string.match(value, HEAD)
      code = overdue(state)
      if code ~= state then redis.call('HSET', key, id, code .. middle) end
    end
    write_end(batch, base, site, redis.call('HGET', base .. KEY.record, KEY.entry .. id), code, end_entry(batch, base, id, code))
  end

  -- How many commands are under way, of all sites and of `own_site`, and their lines. What is past its deadline no longer counts.
  local function count_open(batch, base, own_site, open)
    local all, own, lines = 0, 0, nil
    local closed = {}
    for line in string.gmatch(open, '[^\n]+') do
      local id, minute, _, _, site, _, _, deadline = string.match(line, LINE)
      if tonumber(deadline) > batch.now then
        all = all + 1
        if site == own_site then own = own + 1 end
        lines = lines and lines .. '\n' .. line or line
      else
        close_line(batch, base, id, site, minute)
        closed[#closed + 1] = KEY.entry .. id
      end
    end
    if #closed > 0 then
      if lines then redis.call('HSET', base .. KEY.record, 'open', lines) else closed[#closed + 1] = 'open' end
      redis.call('HDEL', base .. KEY.record, unpack(closed))
    end
    return all, own, lines
  end

  local COOLING = '^(%d+)|(%d+)|(%d*)|(%d+)$'

  -- Wrong credentials and bare 400s of one site at one door (protocol 6.6), `count|level|until|at`: nil when there were none, or none for
  -- so long that they are forgotten.
  local function refusals(value, now)
    if not value then return nil end
    local count, level, pause_until, at = string.match(value, COOLING)
    if not count or now - tonumber(at) > COOLDOWN.remembered_ms then return nil end
    return tonumber(count), tonumber(level), tonumber(pause_until) or 0
  end

  -- Nearly all commands have as long, and writing a number costs more than looking it up.
  local function deadline_in(batch, timeout_ms)
    batch.deadlines[timeout_ms] = batch.deadlines[timeout_ms] or int(batch.now + timeout_ms)
    return batch.deadlines[timeout_ms]
  end

  local function replayed(batch, base, key, id, value, site)
    local _, _, sender = string.match(value, HEAD)
    return 'replayed ' .. (sender == site and state_now(batch, base, key, id, value) or '')
  end

  -- admit: the store's part of protocol 6.5, in its order, ending in one atomic insert. A door the site may not see is answered before
  -- everything else, as if it did not exist (7.6). A refused envelope is not recorded.
  -- `connection`: the calling relay's connection of the door ('' none); `live`, `jwe`: relays with a lease as `,a,b,`, and the envelope, which
  -- is stored for another relay only: both '' where the calling relay has a lease and the door; `built_in_role`: role that needs no grant
  -- ('' none).
  -- Answer: 'claimed <deadline>' | 'pending <deadline>' | 'replayed <state>' (state: or '') | '<code> <retry-after ms or 0>'
  --         | 'elsewhere': another connection is live, so that `live` and `jwe` are needed; nothing was recorded
  item('admit', 13, function(batch, base, site, id, scope, kid, iat, minute, connection, live, jwe, timeout_ms, built_in_role, entry)
    local now = batch.now
    local created, current_kid, disabled, banned, live_relay, live_connection, open, cooling, grant = unpack(redis.call('HMGET', base .. KEY.record,
      'createdAt', 'kid', 'disabled', 'banned', 'node', 'conn', 'open', KEY.cooldown .. site, KEY.grant .. site))
    local role = built_in_role
    if role == '' then role = grant and in_force(grant, now) end
    if not created or not role then return 'door_not_found 0' end

    local refused_before, _, pause_until = refusals(cooling, now)
    local here = live_relay == batch.relay and live_connection == connection
    local answer, lines
    if ROLE_RANK[role] < ROLE_RANK[SCOPE_ROLE[scope]] then answer = 'action_not_allowed 0'
    elseif disabled then answer = 'door_disabled 0'
    elseif not current_kid then answer = 'key_not_found 0'
    elseif current_kid ~= kid then answer = 'wrong_key 0'
    elseif banned then answer = 'key_banned 0'
    elseif math.abs(now - tonumber(iat)) > COMMAND.freshness_ms then answer = 'stale_timestamp 0'
    elseif refused_before and pause_until > now then answer = 'rate_limited ' .. int(pause_until - now)
    elseif not live_relay or live ~= '' and not string.find(live, ',' .. live_relay .. ',', 1, true) then answer = 'door_offline 0'
    elseif live == '' and not here then answer = 'elsewhere'
    end
    local key = shard_of(base) .. KEY.commands .. minute
    if not answer and open then
      local all, own
      all, own, lines = count_open(batch, base, site, open)
      if all >= COMMAND.in_flight_per_door or own >= COMMAND.in_flight_per_site then answer = 'rate_limited 250' end
    end
    if answer then
      -- Seen before comes first in 6.5, and is looked at last: the insert answers it for all that is not refused.
      local value = redis.call('HGET', key, id)
      return value and replayed(batch, base, key, id, value, site) or answer
    end

    local state, deadline = here and 'claimed' or 'pending', deadline_in(batch, timeout_ms)
    local value = state .. '|' .. site .. '|' .. batch.relay .. '|' .. batch.at .. '|' .. deadline .. '|' .. (refused_before and '1' or '')
    if redis.call('HSETNX', key, id, here and value or value .. '|' .. jwe) == 0 then
      return replayed(batch, base, key, id, redis.call('HGET', key, id), site)
    end
    expire_at(key, (minute + COMMAND.kept_minutes) * MINUTE_MS)
    local line = id .. '|' .. minute .. '|' .. value
    redis.call('HSET', base .. KEY.record, 'open', lines and lines .. '\n' .. line or line, KEY.entry .. id, entry)
    if not here then tell(batch, live_relay, 'claim', '{"door":"' .. door_of(base) .. '","id":"' .. id .. '","minute":"' .. minute .. '"}') end
    return state .. ' ' .. deadline
  end)

  -- claim: the relay that holds the door's socket takes a pending command for that very connection (protocol 6.7).
  -- Answer: what the command held, `pending|site|node|at|deadline|counted|jwe`, as it is long: it is claimed now
  --         | state as it is, or 'gone' or 'not_live'
  item('claim', 4, function(batch, base, id, minute, connection)
    local key, value = find(base, id, minute, batch.now)
    if not value then return 'gone' end
    local state = state_now(batch, base, key, id, value)
    if state ~= 'pending' then return state end
    local live_relay, live_connection = unpack(redis.call('HMGET', base .. KEY.record, 'node', 'conn'))
    if live_relay ~= batch.relay or live_connection ~= connection then return 'not_live' end
    local _, middle = string.match(value, HEAD)
    local has_jwe = #value > #state + #middle + 1
    if not has_jwe then return 'gone' end
    redis.call('HSET', key, id, 'claimed' .. middle)
    return value
  end)

  -- nudge: publishes the hint again when it may have been lost; the command itself is never sent twice by it.
  -- Answer: state, or '' when unknown
  item('nudge', 3, function(batch, base, id, minute)
    local key, value = find(base, id, minute, batch.now)
    if not value then return '' end
    local state = string.match(value, '^%a+')
    local relay = state == 'pending' and redis.call('HGET', base .. KEY.record, 'node')
    -- `key` ends in the minute, also where the caller did not know it.
    local found_in = string.match(key, '%d+$')
    if relay then tell(batch, relay, 'claim', '{"door":"' .. door_of(base) .. '","id":"' .. id .. '","minute":"' .. found_in .. '"}') end
    return state
  end)

  -- One site at one door after a wrong credential or a bare 400 (protocol 6.6): from the third on each pauses it, for longer and longer.
  -- What was under way when a pause began adds none. A door that was removed meanwhile remembers nothing.
  local function count_refusal(batch, base, site)
    local field, now = KEY.cooldown .. site, batch.now
    local created, value = unpack(redis.call('HMGET', base .. KEY.record, 'createdAt', field))
    if not created then return end
    local count, level, pause_until = refusals(value, now)
    count, level, pause_until = (count or 0) + 1, level or 0, pause_until or 0
    if count >= COOLDOWN.refusals and pause_until <= now then
      pause_until = now + math.min(COOLDOWN.first_ms * 2 ^ level, COOLDOWN.longest_ms)
      level = level + 1
    end
    redis.call('HSET', base .. KEY.record, field, count .. '|' .. level .. '|' .. int(pause_until) .. '|' .. batch.at)
  end

  local function keep_receipt(batch, base, id, receipt)
    local slice = math.floor(batch.now / COMMAND.receipt_slice_ms)
    local key = shard_of(base) .. KEY.receipts .. slice
    redis.call('HSET', key, id, receipt)
    expire_at(key, (slice + 1) * COMMAND.receipt_slice_ms + COMMAND.receipt_ms)
  end

  -- settle: the door's answer. Only a claimed (or, late, an indeterminate) command of this door can be settled, once.
  -- `refusal`: 'credential', 'bare' (a 400 without a receipt) or ''; `receipt`: or ''; `entry`: audit entry of the end.
  -- Answer: '<state> 1' when this item settled it | '<state> 0' | '' when unknown
  item('settle', 7, function(batch, base, id, minute, status, refusal, receipt, entry)
    local own, submitted, others = under_way(base, id)
    local key, before, middle, site, asker, deadline, forgives, _
    if own then
      _, minute, before, middle, site, asker, _, deadline, forgives = string.match(own, LINE)
      key = shard_of(base) .. KEY.commands .. minute
    end
    if before ~= 'claimed' or batch.now >= tonumber(deadline) then
      local value
      key, value = find(base, id, minute, batch.now)
      if not value then return '' end
      before, middle, site, asker, _, _, forgives = string.match(value, HEAD)
      if before ~= 'claimed' and before ~= 'indeterminate' then return before .. ' 0' end
    end
    local state = status == '200' and 'executed' or 'refused'
    local code = refusal == '' and state or 'refused_' .. refusal
    if receipt ~= '' then keep_receipt(batch, base, id, receipt) end
    conclude(batch, base, id, key, state .. middle .. '|' .. status .. '|' .. batch.at, site, code, entry, own, submitted, others)
    if refusal ~= '' then
      count_refusal(batch, base, site)
    elseif state == 'executed' and forgives == '1' then
      redis.call('HDEL', base .. KEY.record, KEY.cooldown .. site)
    end
    if asker ~= batch.relay then
      local told_receipt = receipt ~= '' and ',"receipt":' .. cjson.encode(receipt) or ''
      tell(batch, asker, 'settled', '{"id":"' .. id .. '","state":"' .. state .. '","status":' .. status .. told_receipt .. '}')
    end
    return state .. ' 1'
  end)

  -- abandon: a claimed command that was certainly never written to a socket is expired, not indeterminate.
  -- Answer: state as it is now, or ''
  item('abandon', 3, function(batch, base, id, minute)
    local key, value = find(base, id, minute, batch.now)
    if not value then return '' end
    local state, middle, site, asker = string.match(value, HEAD)
    if state ~= 'claimed' then return state end
    conclude(batch, base, id, key, 'expired' .. middle, site, 'expired', end_entry(batch, base, id, 'expired'), under_way(base, id))
    if asker ~= batch.relay then tell(batch, asker, 'settled', '{"id":"' .. id .. '","state":"expired"}') end
    return 'expired'
  end)

  -- read: a command as it stands now, with its deadline taken into account.
  -- Answer: 'state|site|at|status|settledAt|receipt', of which the last three may be '' | '' when unknown
  item('read', 3, function(batch, base, id, minute)
    local key, value = find(base, id, minute, batch.now)
    if not value then return '' end
    local state = state_now(batch, base, key, id, value)
    local _, middle, site, _, at = string.match(value, HEAD)
    local answer = state .. '|' .. site .. '|' .. at .. '|'
    if state ~= 'executed' and state ~= 'refused' then return answer .. '||' end
    local status, settled_at = string.match(value, '^|(%d+)|(%d+)$', #state + #middle + 1)
    local slice = math.floor(settled_at / COMMAND.receipt_slice_ms)
    return answer .. status .. '|' .. settled_at .. '|' .. (redis.call('HGET', shard_of(base) .. KEY.receipts .. slice, id) or '')
  end)
end
