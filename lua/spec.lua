-- SPDX-License-Identifier: ISC
-- What a policy's spec finds in its environment besides Lua's own: policy, which names the policy, and case.
-- The cases are data; the program asks the policy about each, evaluates its gates, and compares.
-- lua/strict.lua follows it.

local located, type, error = host.located, type, error
local name_of_policy, cases = nil, {}

-- policy "weekend-window.lua": a file beside the spec.
policy = located(function(where, name)
  if type(name) ~= "string" or name == "" then
    error(where .. 'policy: expected a file, as in policy "policy.lua"', 0)
  end
  name_of_policy = name
end)

-- case "what it shows" { now = …, releases = { … }, expect = { … } }
case = located(function(where, name)
  if type(name) ~= "string" or name == "" then error(where .. "case: expected a name", 0) end
  return function(words)
    if type(words) ~= "table" then
      error(where .. "case '" .. name .. "': expected a table behind the name", 0)
    end
    words.name, words.at = name, where
    cases[#cases + 1] = words
  end
end)

-- The program's own entry.
_ENV["causeway.spec"] = function()
  return { policy = name_of_policy, cases = cases }
end
