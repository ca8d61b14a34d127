-- SPDX-License-Identifier: ISC
-- What maintenance.lua is to decide, case by case: run by causeway-sync policy test.
policy "maintenance.lua"

local update = { product = "gateway", version = "1.1.0", from = "1.0.0", promoted = "2026-11-20T00:00:00Z" }

case "an update ripens for a week, then waits for Saturday night" {
  now = "2026-11-23T10:00:00Z",
  releases = { update },
  expect = { ready = false, waits = "opens Sat 2026-11-28 22:00 Europe/Berlin; needs 2 approvals" },
}

case "it goes in then, when two have approved" {
  now = "2026-11-28T21:00:00Z",
  releases = { update },
  approved = { "alice", "bob" },
  expect = { ready = true },
}

case "one is not enough" {
  now = "2026-11-28T21:00:00Z",
  releases = { update },
  approved = { "alice" },
  expect = { ready = false, waits = "needs one more approval" },
}

case "over the holidays nothing does" {
  now = "2026-12-26T22:00:00Z",
  releases = { update },
  expect = { ready = false, waits = "opens Sat 2027-01-09 22:00 Europe/Berlin" },
}

case "nor in any other year" {
  now = "2031-12-27T22:00:00Z",
  releases = { update },
  expect = {
    ready = false,
    waits = "opens Sat 2032-01-10 22:00 Europe/Berlin, after the blackout 12-20 to 01-06",
  },
}

case "a critical fix does" {
  now = "2026-12-26T22:00:00Z",
  releases = {
    { product = "gateway", version = "1.1.1", from = "1.1.0", severity = "critical",
      promoted = "2026-12-26T20:00:00Z" },
  },
  expect = { ready = true, reason = "does not wait" },
}

case "a critical downgrade does not" {
  releases = { { product = "gateway", version = "1.0.0", from = "1.1.0", severity = "critical" } },
  expect = { verdict = "reject", reason = "from 1.1.0 to 1.0.0" },
}
