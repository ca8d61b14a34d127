-- SPDX-License-Identifier: ISC
-- policy.lua of a site that follows two vendors: the maker of the controllers, whose updates stop the
-- line and need the word of one of site.lua's group "controls", and the maker of the gateway, which may be
-- replaced while the line runs. Anything from someone else waits.

function decide(set)
  if set.upstream == "controllers" then
    return accept {
      reason = "the line stands on Sundays",
      window = "Sun 06:00-18:00 Europe/Berlin",
      approvals = { from = "controls" },
    }
  end
  if set.upstream ~= "gateways" then return hold("nobody has decided about upstream " .. set.upstream) end
  for _, release in ipairs(set.releases) do
    if not satisfies(release.version, ">=2.0.0 <3.0.0") then
      return hold(release.product .. " " .. release.version .. " was not tried with our controllers")
    end
  end
  return accept "the gateway may be replaced while the line runs"
end
