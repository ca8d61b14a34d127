-- SPDX-License-Identifier: ISC
-- policy.lua: minor versions and fixes are taken at once; a new major version waits until a person has
-- looked at it and named it here.

-- What a person has read the release notes of: product = major version.
local REVIEWED = {
  -- gateway = 3,
}

local function major(version)
  return tonumber(version:match "^(%d+)%.")
end

function decide(set)
  for _, release in ipairs(set.releases) do
    local new = major(release.version)
    if release.from and new > major(release.from) and REVIEWED[release.product] ~= new then
      return hold(("%s %s is a new major version after %s: read its notes, then name it in policy.lua")
        :format(release.product, release.version, release.from))
    end
  end
  return accept "no new major version"
end
