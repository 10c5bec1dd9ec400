do
  -- Times kept in a list, the newest first: true while fewer than `most` of them are younger than `window_ms`.
  local function has_room(key, most, window_ms, now)
    local oldest = redis.call('LINDEX', key, most - 1)
    return not oldest or now - tonumber(oldest) >= window_ms
  end

  local function note(key, most, window_ms, now)
    redis.call('LPUSH', key, int(now))
    redis.call('LTRIM', key, 0, most - 1)
    redis.call('PEXPIRE', key, window_ms)
  end

  local function waits(wrong_key, most)
    return tonumber(redis.call('GET', wrong_key) or '0') >= most
  end

  -- site_login_start: remembers a login until its code is used or its time is up, and decides whether its code is mailed (protocol 3.1).
  -- A login that mails nothing has no code that would be right, and looks like any other to whoever tries one.
  -- Those share half of the room, so that they cannot keep out one that would be mailed.
  -- Result: 'mailed' | 'mail_limit' (of the e-mail) | 'address_limit', 'network_limit' (of who asks) | 'wrong_codes' (logins of the e-mail
  --         wait) | 'pending_limit' (not mailed, and not remembered) | 'full' (would be mailed, but there is no room)
  register('site_login_start', function(keys, args)
    local login_key, pending_key, address_key, network_key, mails_key, network_mails_key, wrong_key = unpack(keys)
    local id, email, who, origin, code, life_ms, window_ms, most_of_address, most_pending_of_address, most_of_network, most_pending, most_mails, most_network_mails, most_wrong = unpack(args)
    local now = now_ms()
    window_ms = tonumber(window_ms)
    redis.call('ZREMRANGEBYSCORE', pending_key, '-inf', int(now))
    if not has_room(address_key, tonumber(most_pending_of_address), window_ms, now) then return 'pending_limit' end
    local outcome = 'mailed'
    if not has_room(address_key, tonumber(most_of_address), window_ms, now) then outcome = 'address_limit'
    elseif not has_room(network_key, tonumber(most_of_network), window_ms, now) then outcome = 'network_limit'
    elseif waits(wrong_key, tonumber(most_wrong)) then outcome = 'wrong_codes'
    elseif not has_room(mails_key, tonumber(most_mails), window_ms, now) or not has_room(network_mails_key, tonumber(most_network_mails), window_ms, now) then
      outcome = 'mail_limit'
    end
    local pending = redis.call('ZCARD', pending_key)
    if outcome == 'mailed' and pending >= tonumber(most_pending) then return 'full' end
    if outcome ~= 'mailed' and pending >= tonumber(most_pending) / 2 then return 'pending_limit' end
    note(address_key, tonumber(most_pending_of_address), window_ms, now)
    if outcome == 'mailed' then
      note(network_key, tonumber(most_of_network), window_ms, now)
      note(mails_key, tonumber(most_mails), window_ms, now)
      note(network_mails_key, tonumber(most_network_mails), window_ms, now)
    else
      code = ''
    end
    redis.call('HSET', login_key, 'email', email, 'who', who, 'origin', origin, 'code', code)
    redis.call('PEXPIRE', login_key, life_ms)
    redis.call('ZADD', pending_key, int(now + tonumber(life_ms)), id)
    return outcome
  end)

  -- site_login_try: compares a code, and counts a wrong one: the last allowed one ends the login, and too many for one e-mail, whatever
  -- the login, stop its logins for a while, right codes too (protocol 3.2).
  -- `wrong_prefix`: of the counters of wrong codes; `most_wrong`: of one e-mail within the window
  -- Result: {'ok', e-mail, origin} | {'wrong'} | {'waits'} | {'gone'}
  register('site_login_try', function(keys, args)
    local login_key, pending_key, wrong_prefix = unpack(keys)
    local id, code, most_wrong_of_login, most_wrong, window_ms = unpack(args)
    local right, email, origin, who = unpack(redis.call('HMGET', login_key, 'code', 'email', 'origin', 'who'))
    if not who then return { 'gone' } end
    local wrong_key = wrong_prefix .. who
    if waits(wrong_key, tonumber(most_wrong)) then return { 'waits' } end
    if right ~= '' and right == code then return { 'ok', email, origin } end
    local wrong = redis.call('INCR', wrong_key)
    if wrong == 1 or wrong >= tonumber(most_wrong) then redis.call('PEXPIRE', wrong_key, window_ms) end
    if redis.call('HINCRBY', login_key, 'wrong', 1) >= tonumber(most_wrong_of_login) then
      redis.call('DEL', login_key)
      redis.call('ZREM', pending_key, id)
    end
    return { 'wrong' }
  end)

  -- site_login_end: ends a login whose code was used. KEYS login, pending; ARGV id. Result: 1 for the one caller who did
  register('site_login_end', function(keys, args)
    redis.call('ZREM', keys[2], args[1])
    return redis.call('DEL', keys[1])
  end)

  -- site_login_fetch: takes one of the fetches a login may make to verify its website (protocol 3.2).
  -- KEYS login; ARGV fetches allowed
  -- Result: 1 | 0 (none left, or no such login)
  register('site_login_fetch', function(keys, args)
    if redis.call('EXISTS', keys[1]) == 0 then return 0 end
    if tonumber(redis.call('HGET', keys[1], 'fetches') or '0') >= tonumber(args[1]) then return 0 end
    redis.call('HINCRBY', keys[1], 'fetches', 1)
    return 1
  end)

  -- site_session_open: creates the site on its first login, remembers a verification, starts a session (protocol 3.2).
  -- `verified_at`: ms, '' unchanged; `refresh_hash`: '' none. Result: 'ok' | 'blocked'
  register('site_session_open', function(keys, args)
    local record_key, sessions_key, session_key, audit_key = unpack(keys)
    local email, origin, verified_at, session, refresh_hash, life_ms, entry = unpack(args)
    if redis.call('HGET', record_key, 'blocked') == '1' then return 'blocked' end
    local now = now_ms()
    redis.call('HSETNX', record_key, 'createdAt', int(now))
    redis.call('HSET', record_key, 'email', email, 'origin', origin, 'lastLoginAt', int(now))
    if verified_at ~= '' then redis.call('HSET', record_key, 'verifiedAt', verified_at) end
    redis.call('HSET', session_key, 'refresh', refresh_hash, 'createdAt', int(now))
    redis.call('PEXPIRE', session_key, life_ms)
    redis.call('ZREMRANGEBYSCORE', sessions_key, '-inf', int(now))
    redis.call('ZADD', sessions_key, int(now + tonumber(life_ms)), session)
    audit(audit_key, AUDIT_MAX.site, entry)
    return 'ok'
  end)

  -- site_refresh: rotates a session's refresh token (protocol 3.3). The one before is answered with the same successor while
  -- that is kept; any older one of the family ends the session. The caller has verified that the token is one of ours.
  -- `sealed`: the answer, kept for `sealed_ms`; `refreshed`, `reused`: audit entries; `message`: of a revocation
  -- Result: {'rotated'} | {'again', sealed answer} | {'reused'} | {'gone'} | {'blocked'}
  register('site_refresh', function(keys, args)
    local record_key, session_key, successor_key, sessions_key, audit_key, traffic_key = unpack(keys)
    local session, presented, successor, sealed, life_ms, sealed_ms, refreshed, reused, channel, message = unpack(args)
    if redis.call('HGET', record_key, 'blocked') == '1' then return { 'blocked' } end
    local current, previous = unpack(redis.call('HMGET', session_key, 'refresh', 'previous'))
    if not current then return { 'gone' } end
    if current == presented then
      redis.call('HSET', session_key, 'refresh', successor, 'previous', presented)
      redis.call('PEXPIRE', session_key, life_ms)
      redis.call('SET', successor_key, sealed, 'PX', sealed_ms)
      redis.call('ZADD', sessions_key, int(now_ms() + tonumber(life_ms)), session)
      audit(traffic_key, AUDIT_MAX.site, refreshed)
      return { 'rotated' }
    end
    local again = previous == presented and redis.call('GET', successor_key)
    if again then return { 'again', again } end
    redis.call('DEL', session_key, successor_key)
    redis.call('ZREM', sessions_key, session)
    audit(audit_key, AUDIT_MAX.site, reused)
    redis.call('PUBLISH', channel, message)
    return { 'reused' }
  end)

  -- site_session_end: ends a session and tells every relay (protocol 3.4).
  -- KEYS session, successor, sessions, audit; ARGV session id, audit entry, channel, message
  -- Result: 1 | 0 (there was none)
  register_ending('site_session_end', function(keys, args)
    redis.call('ZREM', keys[3], args[1])
    redis.call('DEL', keys[2])
    if redis.call('DEL', keys[1]) == 0 then return 0 end
    audit(keys[4], AUDIT_MAX.site, args[2])
    redis.call('PUBLISH', args[3], args[4])
    return 1
  end)

  -- site_block: blocks a site, ends all its sessions and tells every relay (protocol 3.4).
  -- KEYS record, sessions, audit; ARGV prefix of the site's session keys (same hash tag), audit entry, channel, message
  -- Result: 1 | 0 (no such site)
  register_ending('site_block', function(keys, args)
    if redis.call('EXISTS', keys[1]) == 0 then return 0 end
    redis.call('HSET', keys[1], 'blocked', '1')
    for _, session in ipairs(redis.call('ZRANGE', keys[2], 0, -1)) do redis.call('DEL', args[1] .. session) end
    redis.call('DEL', keys[2])
    audit(keys[3], AUDIT_MAX.site, args[2])
    redis.call('PUBLISH', args[3], args[4])
    return 1
  end)

  -- site_unblock: lets a blocked site log in again; its old sessions stay ended.
  -- KEYS record, audit; ARGV audit entry
  -- Result: 1 | 0 (no such site)
  register('site_unblock', function(keys, args)
    if redis.call('EXISTS', keys[1]) == 0 then return 0 end
    redis.call('HDEL', keys[1], 'blocked')
    audit(keys[2], AUDIT_MAX.site, args[1])
    return 1
  end)

  -- Until a token bucket is full again at the latest; long, as the end of a key is written to the append-only file, its changes are not.
  local BUCKET_TTL_MS = 3600000

  -- Milliseconds of a bucket (GCRA, equal to a token bucket): it is one number, the time at which it will be full again.
  -- `cost`: tokens wanted. Returns that time after the tokens are taken, and how long to wait until there would be enough (0: taken).
  local function take(full, cost, now, interval, capacity)
    if full < now then full = now end
    full = full + cost * interval
    local wait = full - now - capacity * interval
    -- A microsecond of grace for the rounding of what was stored.
    return full, wait > 0.001 and math.ceil(wait) or 0
  end

  -- site_batch: on the path of every command: is the session alive, the site not blocked, its token bucket not empty (protocol 8.1)?
  -- Session and bucket are read once a batch. The bucket is neither replicated nor written to the append-only file: it costs no
  -- fsync, and a lost one is merely a full one. In a Cluster all items are of one site.
  -- KEYS tag of a site (where the call has to go); ARGV tokens a bucket holds, refill (tokens a second), then the items: tag of the site,
  -- session, tokens wanted (0: only look)
  -- Result: for each item 0 | -1 (no such session) | -2 (blocked) | milliseconds until there would be enough tokens | an error
  register_ending('site_batch', function(_, words)
    local time = redis.call('TIME')
    local now = time[1] * 1000 + time[2] / 1000
    local capacity, interval = tonumber(words[1]), 1000 / words[2]
    local alive, buckets, answers, taken = {}, {}, {}, {}

    -- Blocking a site ends its sessions, so that a session that lives is enough to know.
    local function admit(tag, session, cost)
      local key = tag .. KEY.session .. session
      if alive[key] == nil then
        alive[key] = redis.call('EXISTS', key) == 1 and 0 or redis.call('HGET', tag .. KEY.record, 'blocked') == '1' and -2 or -1
      end
      if alive[key] ~= 0 or cost == 0 then return alive[key] end
      buckets[tag] = buckets[tag] or tonumber(redis.call('GET', tag .. KEY.bucket) or '0')
      local full, wait = take(buckets[tag], cost, now, interval, capacity)
      if wait == 0 then buckets[tag], taken[tag] = full, true end
      return wait
    end

    for index = 3, #words, 3 do
      local done, answer = pcall(admit, words[index], words[index + 1], tonumber(words[index + 2]))
      answers[#answers + 1] = done and answer or refused_item(answer)
    end
    redis.set_repl(redis.REPL_NONE)
    for tag in pairs(taken) do redis.call('SET', tag .. KEY.bucket, string.format('%.3f', buckets[tag]), 'PX', BUCKET_TTL_MS) end
    return answers
  end)
end
