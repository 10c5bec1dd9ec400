do
  local AUDIT_MAX = 10000

  -- site_mail_allow: may another login be mailed to this e-mail address (protocol 3.1)? Remembers when the last few were.
  -- KEYS times of the last mails (list, newest first); ARGV most mails in the window, window (ms)
  -- Result: 1 | 0
  register('site_mail_allow', function(keys, args)
    local now = now_ms()
    local most = tonumber(args[1])
    local oldest = redis.call('LINDEX', keys[1], most - 1)
    if oldest and now - tonumber(oldest) < tonumber(args[2]) then return 0 end
    redis.call('LPUSH', keys[1], int(now))
    redis.call('LTRIM', keys[1], 0, most - 1)
    redis.call('PEXPIRE', keys[1], args[2])
    return 1
  end)

  -- site_login_start: remembers a login until its code is used or its time is up (protocol 3.1).
  -- KEYS login; ARGV e-mail, origin, hash of the code, life (ms)
  -- Result: 1
  register('site_login_start', function(keys, args)
    redis.call('HSET', keys[1], 'email', args[1], 'origin', args[2], 'code', args[3])
    redis.call('PEXPIRE', keys[1], args[4])
    return 1
  end)

  -- site_login_try: compares a code and counts a wrong one; the last allowed wrong one ends the login (protocol 3.2).
  -- KEYS login; ARGV hash of the code, wrong codes allowed
  -- Result: {'ok', e-mail, origin} | {'wrong'} | {'gone'}
  register('site_login_try', function(keys, args)
    local login = redis.call('HMGET', keys[1], 'code', 'email', 'origin')
    if not login[1] then return { 'gone' } end
    if login[1] == args[1] then return { 'ok', login[2], login[3] } end
    if redis.call('HINCRBY', keys[1], 'wrong', 1) >= tonumber(args[2]) then redis.call('DEL', keys[1]) end
    return { 'wrong' }
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
  -- KEYS record, sessions, session, audit
  -- ARGV e-mail, origin, verified at (ms, '' unchanged), session id, hash of the refresh token ('' none), life (ms), audit entry
  -- Result: 'ok' | 'blocked'
  register('site_session_open', function(keys, args)
    if redis.call('HGET', keys[1], 'blocked') == '1' then return 'blocked' end
    local now = now_ms()
    redis.call('HSETNX', keys[1], 'createdAt', int(now))
    redis.call('HSET', keys[1], 'email', args[1], 'origin', args[2], 'lastLoginAt', int(now))
    if args[3] ~= '' then redis.call('HSET', keys[1], 'verifiedAt', args[3]) end
    redis.call('HSET', keys[3], 'refresh', args[5], 'createdAt', int(now))
    redis.call('PEXPIRE', keys[3], args[6])
    redis.call('ZREMRANGEBYSCORE', keys[2], '-inf', int(now))
    redis.call('ZADD', keys[2], int(now + tonumber(args[6])), args[4])
    audit(keys[4], AUDIT_MAX, args[7])
    return 'ok'
  end)

  -- site_refresh: rotates a session's refresh token (protocol 3.3). The one before is answered with the same successor while
  -- that is kept; any older one of the family ends the session. The caller has verified that the token is one of ours.
  -- KEYS record, session, successor, sessions, audit
  -- ARGV session id, hash of the token presented, hash of its successor, sealed answer, life (ms), how long the sealed answer
  --      is kept (ms), audit entry of a refresh, audit entry of a reuse, channel, message of a revocation
  -- Result: {'rotated'} | {'again', sealed answer} | {'reused'} | {'gone'} | {'blocked'}
  register('site_refresh', function(keys, args)
    if redis.call('HGET', keys[1], 'blocked') == '1' then return { 'blocked' } end
    local session = redis.call('HMGET', keys[2], 'refresh', 'previous')
    if not session[1] then return { 'gone' } end
    if session[1] == args[2] then
      redis.call('HSET', keys[2], 'refresh', args[3], 'previous', args[2])
      redis.call('PEXPIRE', keys[2], args[5])
      redis.call('SET', keys[3], args[4], 'PX', args[6])
      redis.call('ZADD', keys[4], int(now_ms() + tonumber(args[5])), args[1])
      audit(keys[5], AUDIT_MAX, args[7])
      return { 'rotated' }
    end
    local sealed = session[2] == args[2] and redis.call('GET', keys[3])
    if sealed then return { 'again', sealed } end
    redis.call('DEL', keys[2], keys[3])
    redis.call('ZREM', keys[4], args[1])
    audit(keys[5], AUDIT_MAX, args[8])
    redis.call('PUBLISH', args[9], args[10])
    return { 'reused' }
  end)

  -- site_session_end: ends a session and tells every relay (protocol 3.4).
  -- KEYS session, successor, sessions, audit; ARGV session id, audit entry, channel, message
  -- Result: 1 | 0 (there was none)
  register('site_session_end', function(keys, args)
    redis.call('ZREM', keys[3], args[1])
    redis.call('DEL', keys[2])
    if redis.call('DEL', keys[1]) == 0 then return 0 end
    audit(keys[4], AUDIT_MAX, args[2])
    redis.call('PUBLISH', args[3], args[4])
    return 1
  end)

  -- site_block: blocks a site, ends all its sessions and tells every relay (protocol 3.4).
  -- KEYS record, sessions, audit; ARGV prefix of the site's session keys (same hash tag), audit entry, channel, message
  -- Result: 1 | 0 (no such site)
  register('site_block', function(keys, args)
    if redis.call('EXISTS', keys[1]) == 0 then return 0 end
    redis.call('HSET', keys[1], 'blocked', '1')
    for _, session in ipairs(redis.call('ZRANGE', keys[2], 0, -1)) do redis.call('DEL', args[1] .. session) end
    redis.call('DEL', keys[2])
    audit(keys[3], AUDIT_MAX, args[2])
    redis.call('PUBLISH', args[3], args[4])
    return 1
  end)

  -- site_unblock: lets a blocked site log in again; its old sessions stay ended.
  -- KEYS record, audit; ARGV audit entry
  -- Result: 1 | 0 (no such site)
  register('site_unblock', function(keys, args)
    if redis.call('EXISTS', keys[1]) == 0 then return 0 end
    redis.call('HDEL', keys[1], 'blocked')
    audit(keys[2], AUDIT_MAX, args[1])
    return 1
  end)

  -- site_admit: on the path of every command: is the session alive, the site not blocked, its token bucket not empty (protocol 8.1)?
  -- The bucket is one number, the time at which it will be full again (GCRA, equal to a token bucket). It is neither
  -- replicated nor written to the append-only file: it costs no fsync, and a lost one is merely a full one.
  -- KEYS session, record, bucket; ARGV tokens wanted (0: only look), tokens the bucket holds, refill (tokens a second)
  -- Result: 0 | -1 (no such session) | -2 (blocked) | milliseconds until there would be enough tokens
  local BUCKET_TTL_MS = 3600000 -- long: the end of a key is written to the append-only file, its changes are not
  -- Blocking a site ends its sessions, so that a session that lives is enough to know.
  register('site_admit', function(keys, args)
    if redis.call('EXISTS', keys[1]) == 0 then
      return redis.call('HGET', keys[2], 'blocked') == '1' and -2 or -1
    end
    if args[1] == '0' then return 0 end
    local time = redis.call('TIME')
    local now = time[1] * 1000 + time[2] / 1000
    local interval = 1000 / args[3]
    local full = tonumber(redis.call('GET', keys[3]) or '0')
    if full < now then full = now end
    full = full + args[1] * interval
    local wait = full - now - args[2] * interval
    -- A microsecond of grace for the rounding of what was stored.
    if wait > 0.001 then return math.ceil(wait) end
    redis.set_repl(redis.REPL_NONE)
    redis.call('SET', keys[3], string.format('%.3f', full), 'PX', BUCKET_TTL_MS)
    return 0
  end)
end
