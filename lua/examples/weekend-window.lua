-- SPDX-License-Identifier: ISC
-- policy.lua: routine updates wait for the weekend's maintenance window; a critical fix does not wait;
-- nothing goes back to an older version by itself.

local WINDOW = "Sat,Sun 02:00-06:00 Europe/Berlin"

function decide(set)
  for _, release in ipairs(set.releases) do
    if release.change == "downgrade" then
      return hold(release.product .. " would go back from " .. release.from .. " to " .. release.version)
    end
  end
  if set.severity == "critical" then
    return accept "a critical fix does not wait"
  end
  return accept { reason = "routine update", window = WINDOW }
end
