-- SPDX-License-Identifier: ISC
-- The demo plant's policy. First installations go in at once, and so does what its vendor calls critical. Every
-- other upgrade waits until the shift lead has put it on this list.
local released = {
    -- ["zoneinfo 2025.2.1"] = true,
}

function decide(set)
    if set.severity == "critical" then
        return accept "a critical fix goes in at once"
    end
    for _, release in ipairs(set.releases) do
        local name = release.product .. " " .. release.version
        if release.change == "upgrade" and not released[name] then
            return hold(name .. " waits for the shift lead")
        end
    end
    return accept "new, or released by the shift lead"
end

-- Run after the switch; if one fails, the plant is back on the generation before.
function check(release)
    if release.product == "causeway" then
        return { run { release.dir .. "/bin/causeway-sync", "--version" } }
    elseif release.product == "zoneinfo" then
        return { run { "/usr/bin/test", "-s", release.dir .. "/Europe/Berlin", timeout = "10s" } }
    end
    return {}
end
