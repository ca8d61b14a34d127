-- SPDX-License-Identifier: ISC
-- What accept-all.lua is to decide, case by case: run by causeway-sync policy test.
policy "accept-all.lua"

case "whatever comes is taken" {
  releases = { { product = "gateway", version = "2.0.0", from = "1.0.0" } },
  expect = { ready = true, reason = "channel stable", checks = {} },
}
