-- SPDX-License-Identifier: ISC
-- policy.lua of a plant: first installations and updates within a major version are taken, a new major
-- version needs a person, a downgrade is never taken. After every switch each product's own self-test
-- runs, where it brings one.

-- A person who has read the notes of a new major version names it here: product = major version.
local REVIEWED = {
}

-- The self-test of a product, beneath its folder; it must exit with 0 within its time.
local SELFTESTS = {
  gateway = { "bin/selftest", timeout = "60s" },
}

local function major(version)
  return tonumber(version:match "^(%d+)%.")
end

function decide(set, site)
  local news = {}
  for _, release in ipairs(set.releases) do
    local label = release.product .. " " .. release.version
    if release.change == "downgrade" then
      return reject(label .. " is older than the installed " .. release.from)
    end
    if release.from and major(release.version) > major(release.from)
      and REVIEWED[release.product] ~= major(release.version) then
      return hold(label .. " is a new major version after " .. release.from .. ": it needs a person")
    end
    if release.change ~= "same" then news[#news + 1] = label end
  end
  if #news == 0 then return accept("nothing new for " .. site.name) end
  return accept("within the major versions of " .. site.name .. ": " .. table.concat(news, ", "))
end

function check(release)
  local test = SELFTESTS[release.product]
  if not test then return {} end
  return { run { release.dir .. "/" .. test[1], timeout = test.timeout } }
end
