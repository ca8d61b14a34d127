-- SPDX-License-Identifier: ISC
-- What one-way.lua is to decide, case by case: run by causeway-sync policy test.
policy "one-way.lua"

case "a step forward is taken and proves itself" {
  releases = { { product = "gateway", version = "1.1.0", from = "1.0.0" } },
  expect = { ready = true, checks = { "/opt/plant/current/gateway/bin/selftest" } },
}

case "a step back is not" {
  releases = { { product = "gateway", version = "1.0.0-rc.1", from = "1.0.0" } },
  expect = { verdict = "reject", reason = "is older than 1.0.0" },
}

case "what is new here waits" {
  releases = { { product = "camera", version = "1.0.0" } },
  expect = { verdict = "hold", reason = "camera is new here" },
}
