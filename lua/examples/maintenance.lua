-- SPDX-License-Identifier: ISC
-- policy.lua: four concerns, each a rule of its own. Updates go in at night from Saturday to Sunday,
-- not over the holidays, not in the week after their promotion, and when two persons have approved the
-- plan; what its vendor calls critical waits for nothing; and no rule lets a downgrade through.

local HOLIDAYS = { "12-20 to 01-06 Europe/Berlin", "05-01 Europe/Berlin" }

rule("no downgrades", function(set)
  for _, release in ipairs(set.releases) do
    if release.change == "downgrade" then
      return reject(release.product .. " would go back from " .. release.from .. " to " .. release.version)
    end
  end
end)

rule("maintenance", function(set)
  if set.severity == "critical" then return accept "a critical fix does not wait" end
  return accept { reason = "routine update", window = "Sat 22:00-04:00 Europe/Berlin", blackout = HOLIDAYS }
end)

rule("ripening", function(set)
  if set.severity ~= "critical" then
    return accept { reason = "a week after promotion", after_promotion = "7d" }
  end
end)

rule("four eyes", function(set)
  if set.severity ~= "critical" then
    return accept { reason = "approved by two", approvals = 2 }
  end
end)
