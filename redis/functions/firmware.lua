-- Releases and the keys that may sign them (protocol 12.1, 12.2). A release is stored as
-- `{"publishedAt":…,"identity":"<board> <version> <securityVersion>","manifest":"…"}`, and gets `"withdrawnAt":…` once.
do
  -- firmware_publish: makes an uploaded image a release, or does nothing at all. An image that is a release already needs no upload:
  -- the same manifest changes nothing, another one replaces it where it says the same of the image (it was signed again).
  -- Result: 'published' | 'signed_again' | 'unchanged' | 'unknown_key' | 'withdrawn' | 'differs' (another identity) | 'incomplete'
  register('firmware_publish', function(keys, args)
    local trust_key, releases_key, image_key, upload_key, audit_key = unpack(keys)
    local sha256, kid, size, identity, manifest, entry, channel, message = unpack(args)
    if redis.call('HEXISTS', trust_key, kid) == 0 then return 'unknown_key' end
    local known = redis.call('HGET', releases_key, sha256)
    local published, outcome = int(now_ms()), 'published'
    if known then
      known = cjson.decode(known)
      if known.withdrawnAt then return 'withdrawn' end
      if known.identity ~= identity then return 'differs' end
      published, outcome = int(known.publishedAt), known.manifest == manifest and 'unchanged' or 'signed_again'
    end
    if redis.call('STRLEN', image_key) == tonumber(size) then
      redis.call('UNLINK', upload_key)
      if outcome == 'unchanged' then return outcome end
    else
      if redis.call('STRLEN', upload_key) ~= tonumber(size) then return 'incomplete' end
      redis.call('RENAME', upload_key, image_key)
      redis.call('PERSIST', image_key)
    end
    redis.call('HSET', releases_key, sha256, '{"publishedAt":' .. published .. ',"identity":' .. cjson.encode(identity) .. ',"manifest":' .. cjson.encode(manifest) .. '}')
    audit(audit_key, AUDIT_MAX.firmware, entry)
    redis.call('PUBLISH', channel, message)
    return outcome
  end)

  -- firmware_withdraw: ends a release for good: its record stays, its image goes (protocol 12.2).
  -- KEYS 1 releases, 2 image, 3 audit; ARGV 1 sha256, 2 audit entry, 3 channel, 4 message
  -- Result: 'withdrawn' | 'unchanged' (it was before) | 'missing'
  register_ending('firmware_withdraw', function(keys, args)
    local known = redis.call('HGET', keys[1], args[1])
    if not known then return 'missing' end
    if cjson.decode(known).withdrawnAt then return 'unchanged' end
    redis.call('HSET', keys[1], args[1], '{"withdrawnAt":' .. int(now_ms()) .. ',' .. string.sub(known, 2))
    redis.call('UNLINK', keys[2])
    audit(keys[3], AUDIT_MAX.firmware, args[2])
    redis.call('PUBLISH', args[3], args[4])
    return 'withdrawn'
  end)

  -- firmware_key_add: lets releases be signed by a key.
  -- Result: 'added' | 'unchanged' (it was trusted before) | 'full'
  register('firmware_key_add', function(keys, args)
    local trust_key, audit_key = unpack(keys)
    local kid, pem, most, entry, channel, message = unpack(args)
    if redis.call('HEXISTS', trust_key, kid) == 1 then return 'unchanged' end
    if redis.call('HLEN', trust_key) >= tonumber(most) then return 'full' end
    redis.call('HSET', trust_key, kid, '{"addedAt":' .. int(now_ms()) .. ',"pem":' .. cjson.encode(pem) .. '}')
    audit(audit_key, AUDIT_MAX.firmware, entry)
    redis.call('PUBLISH', channel, message)
    return 'added'
  end)

  -- firmware_key_remove: what the key signed is not offered any more, until it is signed by another.
  -- KEYS trust, audit; ARGV 1 kid, 2 audit entry, 3 channel, 4 message
  -- Result: 'removed' | 'missing'
  register_ending('firmware_key_remove', function(keys, args)
    if redis.call('HDEL', keys[1], args[1]) == 0 then return 'missing' end
    audit(keys[2], AUDIT_MAX.firmware, args[2])
    redis.call('PUBLISH', args[3], args[4])
    return 'removed'
  end)
end
