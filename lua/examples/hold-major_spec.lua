-- SPDX-License-Identifier: ISC
-- What hold-major.lua is to decide, case by case: run by causeway-sync policy test.
policy "hold-major.lua"

case "an update within the major version is taken" {
  releases = { { product = "gateway", version = "1.10.0", from = "1.9.0" } },
  expect = { ready = true },
}

case "a new major version waits for a person" {
  releases = {
    { product = "plc", version = "1.0.1", from = "1.0.0" },
    { product = "gateway", version = "2.0.0", from = "1.9.0" },
  },
  expect = { verdict = "hold", reason = "gateway 2.0.0 is a new major version after 1.9.0" },
}
