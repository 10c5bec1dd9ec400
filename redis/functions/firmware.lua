-- Releases and the keys that may sign them (protocol 12.1, 12.2). A release is stored as
-- `{"publishedAt":…,"identity":"<board> <version> <securityVersion>","manifest":"…"}`, and gets `"withdrawnAt":…` once.
do
  local AUDIT_MAX = 100000

  -- firmware_publish: makes an uploaded image a release, or does nothing at all. An image that is a release already needs no upload:
  -- the same manifest changes nothing, another one replaces it where it says the same of the image (it was signed again).
  -- KEYS 1 trust, 2 releases, 3 image, 4 upload, 5 audit
  -- ARGV 1 sha256, 2 kid, 3 size, 4 identity, 5 manifest, 6 audit entry, 7 channel, 8 message
  -- Result: 'published' | 'signed_again' | 'unchanged' | 'unknown_key' | 'withdrawn' | 'differs' (another identity) | 'incomplete'
  register('firmware_publish', function(keys, args)
    if redis.call('HEXISTS', keys[1], args[2]) == 0 then return 'unknown_key' end
    local known = redis.call('HGET', keys[2], args[1])
    local published, outcome = int(now_ms()), 'published'
    if known then
      known = cjson.decode(known)
      if known.withdrawnAt then return 'withdrawn' end
      if known.identity ~= args[4] then return 'differs' end
      published, outcome = int(known.publishedAt), known.manifest == args[5] and 'unchanged' or 'signed_again'
    end
    if redis.call('STRLEN', keys[3]) == tonumber(args[3]) then
      redis.call('UNLINK', keys[4])
      if outcome == 'unchanged' then return outcome end
    else
      if redis.call('STRLEN', keys[4]) ~= tonumber(args[3]) then return 'incomplete' end
      redis.call('RENAME', keys[4], keys[3])
      redis.call('PERSIST', keys[3])
    end
    redis.call('HSET', keys[2], args[1], '{"publishedAt":' .. published .. ',"identity":' .. cjson.encode(args[4]) .. ',"manifest":' .. cjson.encode(args[5]) .. '}')
    audit(keys[5], AUDIT_MAX, args[6])
    redis.call('PUBLISH', args[7], args[8])
    return outcome
  end)

  -- firmware_withdraw: ends a release for good: its record stays, its image goes (protocol 12.2).
  -- KEYS 1 releases, 2 image, 3 audit; ARGV 1 sha256, 2 audit entry, 3 channel, 4 message
  -- Result: 'withdrawn' | 'unchanged' (it was before) | 'missing'
  register('firmware_withdraw', function(keys, args)
    local known = redis.call('HGET', keys[1], args[1])
    if not known then return 'missing' end
    if cjson.decode(known).withdrawnAt then return 'unchanged' end
    redis.call('HSET', keys[1], args[1], '{"withdrawnAt":' .. int(now_ms()) .. ',' .. string.sub(known, 2))
    redis.call('UNLINK', keys[2])
    audit(keys[3], AUDIT_MAX, args[2])
    redis.call('PUBLISH', args[3], args[4])
    return 'withdrawn'
  end)

  -- firmware_key_add: lets releases be signed by a key.
  -- KEYS trust, audit; ARGV 1 kid, 2 public key as PEM, 3 most keys there may be, 4 audit entry, 5 channel, 6 message
  -- Result: 'added' | 'unchanged' (it was trusted before) | 'full'
  register('firmware_key_add', function(keys, args)
    if redis.call('HEXISTS', keys[1], args[1]) == 1 then return 'unchanged' end
    if redis.call('HLEN', keys[1]) >= tonumber(args[3]) then return 'full' end
    redis.call('HSET', keys[1], args[1], '{"addedAt":' .. int(now_ms()) .. ',"pem":' .. cjson.encode(args[2]) .. '}')
    audit(keys[2], AUDIT_MAX, args[4])
    redis.call('PUBLISH', args[5], args[6])
    return 'added'
  end)

  -- firmware_key_remove: what the key signed is not offered any more, until it is signed by another.
  -- KEYS trust, audit; ARGV 1 kid, 2 audit entry, 3 channel, 4 message
  -- Result: 'removed' | 'missing'
  register('firmware_key_remove', function(keys, args)
    if redis.call('HDEL', keys[1], args[1]) == 0 then return 'missing' end
    audit(keys[2], AUDIT_MAX, args[2])
    redis.call('PUBLISH', args[3], args[4])
    return 'removed'
  end)
end
