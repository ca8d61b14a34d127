-- SPDX-License-Identifier: ISC
-- What weekend-window.lua is to decide, case by case: run by causeway-sync policy test.
policy "weekend-window.lua"

case "on a Wednesday an update waits for Saturday" {
  now = "2026-11-25T10:00:00Z",
  releases = { { product = "gateway", version = "1.1.0", from = "1.0.0" } },
  expect = { verdict = "accept", ready = false, waits = "opens Sat 2026-11-28 02:00 Europe/Berlin" },
}

case "on Saturday night it goes in" {
  now = "2026-11-28T01:00:00Z",
  releases = { { product = "gateway", version = "1.1.0", from = "1.0.0" } },
  expect = { ready = true, waits = "" },
}

case "a critical fix does not wait" {
  now = "2026-11-25T10:00:00Z",
  releases = { { product = "gateway", version = "1.1.1", from = "1.1.0", severity = "critical" } },
  expect = { ready = true },
}

case "nothing goes back by itself" {
  releases = { { product = "gateway", version = "1.0.0", from = "1.1.0", severity = "critical" } },
  expect = { verdict = "hold", reason = "from 1.1.0 to 1.0.0" },
}
