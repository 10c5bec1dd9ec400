-- Shared by every file of the library. The loader (src/store/function-library.ts) puts `#!lua name=…` and PREFIX before it
-- and joins the files in name order; each file wraps itself in do … end so that its locals stay its own.

-- Registers a function under the library's own prefix, so that several versions of the library live side by side.
local function register(name, callback)
  redis.register_function{ function_name = PREFIX .. name, callback = callback }
end

-- Unix milliseconds by the clock of Redis, the one clock all relays share.
local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

-- Plain decimal text of a number: Lua would print large ones as 1.7e+12.
local function int(number)
  return string.format('%.0f', number)
end

-- Appends one audit entry (protocol 10.1) to a bounded stream. `entry` is the JSON text made by src/audit/entry.ts.
local function audit(key, maximum, entry)
  redis.call('XADD', key, 'MAXLEN', '~', maximum, '*', 'e', entry)
end
