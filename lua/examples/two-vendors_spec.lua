-- SPDX-License-Identifier: ISC
-- What two-vendors.lua is to decide, case by case: run by causeway-sync policy test.
policy "two-vendors.lua"

case "controllers wait for Sunday" {
  now = "2026-11-25T10:00:00Z", upstream = "controllers",
  releases = { { product = "plc", version = "7.1.0", from = "7.0.0" } },
  expect = { ready = false, waits = "opens Sun 2026-11-29 06:00 Europe/Berlin" },
}

case "and then for somebody who knows them" {
  now = "2026-11-29T10:00:00Z", upstream = "controllers",
  releases = { { product = "plc", version = "7.1.0", from = "7.0.0" } },
  approved = { "alice" }, groups = { controls = { "bob", "carol" } },
  expect = { ready = false, waits = "needs one approval of bob or carol" },
}

case "with whose word they go in" {
  now = "2026-11-29T10:00:00Z", upstream = "controllers",
  releases = { { product = "plc", version = "7.1.0", from = "7.0.0" } },
  approved = { "carol" }, groups = { controls = { "bob", "carol" } },
  expect = { ready = true },
}

case "the gateway does not" {
  now = "2026-11-25T10:00:00Z", upstream = "gateways",
  releases = { { product = "gateway", version = "2.4.0", from = "2.3.0" } },
  expect = { ready = true },
}

case "but only in its range" {
  upstream = "gateways", releases = { { product = "gateway", version = "3.0.0", from = "2.3.0" } },
  expect = { verdict = "hold", reason = "gateway 3.0.0 was not tried" },
}

case "a third vendor waits" {
  upstream = "sensors", releases = { { product = "sensor", version = "1.0.0" } },
  expect = { verdict = "hold", reason = "upstream sensors" },
}
