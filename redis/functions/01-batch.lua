-- What happens at doors in one turn of a relay's event loop comes as one call, of items one behind the other. Each is guarded: one
-- that fails, fails alone. What its handler had changed by then stays, so that its effect is unknown, as after a lost reply
-- (protocol 6.7); the others stand.

-- Handlers by the name of their item. `words`: how many arguments follow the name in the call.
local ITEMS = {}

-- `handler` gets the batch (`now`; `at`, the same as text; `relay` that calls), then the item's own words, the base of
-- its door first. It answers with a text.
local function item(name, words, handler)
  ITEMS[name] = { words = words, run = handler }
end

-- The hash tag of a door's shard.
local function shard_of(base)
  return string.sub(base, 1, KEY.shard_chars)
end

local function door_of(base)
  return string.sub(base, KEY.door_from)
end

-- Tells another relay at the end of the batch. `kind`: of the message; `text`: what it is about, as JSON.
local function tell(batch, relay, kind, text)
  local box = batch.mail[kind]
  box[relay] = box[relay] or {}
  table.insert(box[relay], text)
end

-- One message a relay, cut where it grows long.
local function send_mail(mail)
  for kind, box in pairs(mail) do
    for relay, texts in pairs(box) do
      local from, length = 1, 0
      for index, text in ipairs(texts) do
        length = length + #text
        if length > MAIL_BYTES or index == #texts then
          redis.call('PUBLISH', CHANNEL.node .. relay, '{"t":"' .. kind .. '","commands":[' .. table.concat(texts, ',', from, index) .. ']}')
          from, length = index + 1, 0
        end
      end
    end
  end
end

local function refused_item(reason)
  -- What `redis.call` raises is an error reply; what Lua raises is a text.
  return type(reason) == 'table' and reason or redis.error_reply('ERR ' .. tostring(reason))
end

-- door_batch: items of many doors, in the order in which they came. In a Cluster all doors are of one shard.
-- KEYS tag of a shard (where the call has to go); ARGV relay that calls, then the items: name, words …
-- Result: one answer an item, a text or an error
local function door_batch(_, words)
  local now = now_ms()
  local batch = { now = now, at = int(now), relay = words[1], mail = { claim = {}, settled = {} }, deadlines = {} }
  local answers, count, index, last = {}, 0, 2, #words
  while index <= last do
    local handler = ITEMS[words[index]]
    local done, answer = pcall(handler.run, batch, unpack(words, index + 1, index + handler.words))
    count = count + 1
    answers[count] = done and answer or refused_item(answer)
    index = index + handler.words + 1
  end
  send_mail(batch.mail)
  return answers
end

-- A store that is full refuses the first as a whole, before anything ran; the endings of it come again by the second.
register('door_batch', door_batch)
register_ending('door_batch_endings', door_batch)

-- Hashes that were told when to go. It outlives the call as long as the server does, and no longer; to tell a hash again changes nothing.
local told, told_count = {}, 0

-- Has a hash of many commands expire as a whole: at most one call a hash and server, instead of one a command.
local function expire_at(key, at)
  if told[key] then return end
  redis.call('PEXPIREAT', key, int(at), 'NX')
  if told_count >= 1024 then told, told_count = {}, 0 end
  told[key], told_count = true, told_count + 1
end
