-- SPDX-License-Identifier: ISC
-- policy.lua that all lines of a company share: the canary line takes an update at once, a fifth of the
-- others three days later, the rest after a week. A critical fix goes to all of them on the second day.

function decide(set)
  if set.severity == "critical" then
    return accept { reason = "critical fix", rollout = { "0d canary-*", "1d *" } }
  end
  return accept { reason = "staged rollout", rollout = { "0d canary-*", "3d 20%", "7d *" } }
end
