-- SPDX-License-Identifier: ISC
-- What plant.lua is to decide, case by case: run by causeway-sync policy test.
policy "plant.lua"

case "a first installation is taken and tested" {
  releases = { { product = "gateway", version = "3.0.0" } },
  expect = { ready = true, reason = "gateway 3.0.0", checks = { "/opt/plant/current/gateway/bin/selftest" } },
}

case "a downgrade is never taken" {
  releases = { { product = "gateway", version = "1.0.0", from = "1.1.0" } },
  expect = { verdict = "reject", reason = "older than the installed 1.1.0" },
}

case "a new major version needs a person" {
  releases = { { product = "gateway", version = "2.0.0", from = "1.1.0" } },
  expect = { verdict = "hold", reason = "it needs a person" },
}
