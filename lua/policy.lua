-- SPDX-License-Identifier: ISC
-- What policy.lua finds in its environment besides Lua's own: the decisions accept, hold and reject, and the
-- action run. Each only builds a table that says what is meant; the program checks it again and acts.

local type, error, pairs, ipairs, byte, min = type, error, pairs, ipairs, string.byte, math.min

-- How many letters must change to make b of a (Levenshtein).
local function distance(a, b)
  local row = {}
  for j = 0, #b do row[j] = j end
  for i = 1, #a do
    local corner = row[0]
    row[0] = i
    for j = 1, #b do
      local cost = byte(a, i) == byte(b, j) and 0 or 1
      corner, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, corner + cost)
    end
  end
  return row[#b]
end

-- Refuses words that are not known, naming the one that was probably meant; the error has the policy's line.
local function only(what, words, known)
  for word in pairs(words) do
    local near
    if type(word) == "string" then
      for _, good in ipairs(known) do
        if word == good then goto next_word end
        if #word < 64 and distance(word, good) <= 2 then near = near or good end
      end
    end
    local hint = near and " (did you mean '" .. near .. "'?)" or ""
    error(what .. ": unknown word '" .. tostring(word) .. "'" .. hint, 3)
    ::next_word::
  end
end

local function reason_of(what, reason)
  if type(reason) ~= "string" or reason == "" then
    error(what .. ": expected a reason, as in " .. what .. ' "why"', 3)
  end
  return reason
end

-- accept "reason", or with gates:
-- accept { reason = "…", window = "Sat 02:00-06:00 Europe/Berlin", not_before = "2030-01-31T00:00:00Z" }
function accept(how)
  if how == nil then how = {} end
  if type(how) == "string" then how = { reason = how } end
  if type(how) ~= "table" then
    error("accept: expected a reason or a table of gates, got a " .. type(how), 2)
  end
  only("accept", how, { "not_before", "reason", "window" })
  if how.reason ~= nil then reason_of("accept", how.reason) end
  for _, word in ipairs { "not_before", "window" } do
    if how[word] ~= nil and type(how[word]) ~= "string" then
      error("accept: " .. word .. " is not a text", 2)
    end
  end
  return {
    verdict = "accept", reason = how.reason or "accepted by policy",
    gates = { window = how.window, not_before = how.not_before },
  }
end

-- Not now; the same question is asked again at the next plan.
function hold(reason)
  return { verdict = "hold", reason = reason_of("hold", reason) }
end

-- Never this set.
function reject(reason)
  return { verdict = "reject", reason = reason_of("reject", reason) }
end

-- run { "/absolute/command", "argument", timeout = "60s" }: no shell, no search path.
function run(command)
  if type(command) ~= "table" then error('run: expected a table, as in run { "/bin/true" }', 2) end
  local words, argv = {}, {}
  for key, value in pairs(command) do
    if math.type(key) == "integer" then argv[key] = value else words[key] = value end
  end
  only("run", words, { "timeout" })
  if type(argv[1]) ~= "string" or byte(argv[1]) ~= byte("/") then
    error("run: the command is not an absolute path", 2)
  end
  for i, word in ipairs(argv) do
    if type(word) ~= "string" then
      error("run: argument " .. i - 1 .. " is a " .. type(word) .. ", not a text", 2)
    end
  end
  if words.timeout ~= nil and type(words.timeout) ~= "string" then
    error('run: timeout is not a text like "60s"', 2)
  end
  return { run = argv, timeout = words.timeout }
end
