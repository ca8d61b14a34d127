-- SPDX-License-Identifier: ISC
-- policy.lua of a plant whose controllers take their firmware over HTTP: it is handed to each controller of a
-- list, one after the other, and each must then run it. If one does not, it and those before it get back what
-- they had, and the site goes on with the release before. Nothing is begun unless the line stands still.

-- Where the controllers of a product are: the first one is the one that is tried first.
local CONTROLLERS = {
  ["plc-firmware"] = { "http://plc-1.plant.example", "http://plc-2.plant.example" },
}
local TOKEN = "/etc/causeway/plc.token"

function decide(set)
  if set.severity == "critical" then return accept "a critical fix does not wait for the night" end
  return accept { reason = "firmware goes in at night", window = "daily 01:00-04:00 Europe/Berlin" }
end

-- A line that is running is no mistake: apply stops, nothing has changed, and the next one asks again.
function before(release)
  if not CONTROLLERS[release.product] then return {} end
  return { run { "/usr/local/sbin/line-stands-still", user = "plant", timeout = "10s" } }
end

function deliver(artifact)
  local hosts, list = CONTROLLERS[artifact.product], {}
  if artifact.kind ~= "firmware" or not hosts then return nil end
  for i, host in ipairs(hosts) do
    list[i] = delivery {
      put { host .. "/firmware", token_file = TOKEN, timeout = "5m" },
      -- It is away while it restarts, so it is asked until it says the new version.
      check = get { host .. "/version", contains = "running " .. artifact.version, timeout = "3m" },
      undo = artifact.previous and put {
        host .. "/firmware", file = artifact.previous.file, token_file = TOKEN, timeout = "5m",
      },
    }
  end
  return list
end
