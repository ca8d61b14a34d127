-- SPDX-License-Identifier: ISC
-- policy.lua behind a data diode: what went in cannot be fetched again and nobody outside sees what
-- happened. So only steps forward are taken, each proves itself, and a first installation needs the word of
-- a person on the site.

rule("forward only", function(set)
  for _, release in ipairs(set.releases) do
    if release.from and compare(release.version, release.from) < 0 then
      return reject(release.product .. " " .. release.version .. " is older than " .. release.from)
    end
  end
end)

function decide(set)
  for _, release in ipairs(set.releases) do
    if not release.from then
      return accept { reason = release.product .. " is new here", approvals = 1 }
    end
  end
  return accept "a step forward"
end

function check(release)
  return { run { release.dir .. "/bin/selftest", timeout = "5m" } }
end
