-- SPDX-License-Identifier: ISC
-- policy.lua: what the vendor calls critical goes in at once, at any hour, as long as the site's scanner
-- found it clean and no version goes back; all else waits for the night from Saturday to Sunday. A critical
-- fix that comes together with a new major version is a new major version first: a person looks at it.

local function major(version)
  return tonumber(version:match "^(%d+)%.")
end

rule("no new major version, no downgrade", function(set)
  for _, release in ipairs(set.releases) do
    local label = release.product .. " " .. release.version
    if release.change == "downgrade" then
      return reject(label .. " is older than the installed " .. release.from)
    end
    if release.from and major(release.version) > major(release.from) then
      return hold(label .. " is a new major version after " .. release.from)
    end
  end
end)

rule("found clean", function(set)
  if set.scan and set.scan ~= "clean" then return hold("the scanner's verdict is '" .. set.scan .. "'") end
end)

function decide(set)
  if set.severity == "critical" then return accept "a critical fix does not wait" end
  return accept { reason = "routine update", window = "Sat 22:00-04:00 Europe/Berlin" }
end

-- Services are restarted by their manager, and must then say that they are well; going back restarts them.
local function restart(release)
  return run { "/usr/bin/systemctl", "restart", release.product, timeout = "2m" }
end

function check(release)
  return { restart(release), run { release.dir .. "/bin/health", timeout = "60s", user = "plant" } }
end

function undo(release)
  if not release.from then return { run { "/usr/bin/systemctl", "stop", release.product } } end
  return { restart(release) }
end
