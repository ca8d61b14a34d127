-- SPDX-License-Identifier: ISC
-- What canary.lua is to decide, case by case: run by causeway-sync policy test.
policy "canary.lua"

local update = { { product = "gateway", version = "1.1.0", from = "1.0.0",
  promoted = "2026-11-20T00:00:00Z" } }

case "the canary line goes first" {
  now = "2026-11-20T01:00:00Z", site = "canary-line", releases = update, expect = { ready = true },
}

case "the others wait for their turn" {
  now = "2026-11-20T01:00:00Z", site = "line-4", releases = update,
  expect = { verdict = "accept", ready = false, waits = "this site's turn in the rollout" },
}

case "after a week all have it" {
  now = "2026-11-27T00:00:00Z", site = "line-4", releases = update, expect = { ready = true },
}

case "a critical fix takes a day" {
  now = "2026-11-20T01:00:00Z", site = "line-4",
  releases = {
    { product = "gateway", version = "1.1.1", from = "1.1.0", severity = "critical",
      promoted = "2026-11-20T00:00:00Z" },
  },
  expect = { ready = false, waits = "not before 2026-11-21T00:00:00Z" },
}
