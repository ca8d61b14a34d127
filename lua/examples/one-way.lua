-- SPDX-License-Identifier: ISC
-- policy.lua behind a data diode: what went in cannot be fetched again and nobody outside sees what
-- happened. So only steps forward are taken, each proves itself, and a first installation needs a person
-- on the site.

local PRESENT = { gateway = true, plc = true } -- what a person has installed or allowed here

function decide(set)
  for _, release in ipairs(set.releases) do
    if release.from and compare(release.version, release.from) < 0 then
      return reject(release.product .. " " .. release.version .. " is older than " .. release.from)
    end
    if not release.from and not PRESENT[release.product] then
      return hold(release.product .. " is new here: name it in policy.lua")
    end
  end
  return accept "a step forward"
end

function check(release)
  return { run { release.dir .. "/bin/selftest", timeout = "5m" } }
end
