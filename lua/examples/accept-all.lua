-- SPDX-License-Identifier: ISC
-- policy.lua: everything that was verified is installed as soon as it is here. For sites that test
-- releases, and for those whose vendor and operator are the same people.

function decide(set)
  return accept("everything on channel " .. set.channel .. " is taken")
end
