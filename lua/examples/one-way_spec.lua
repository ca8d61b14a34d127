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

case "what is new here waits for a person" {
  releases = { { product = "camera", version = "1.0.0" } },
  expect = { verdict = "accept", ready = false, reason = "camera is new here", waits = "needs one approval" },
}

case "who then says yes" {
  releases = { { product = "camera", version = "1.0.0" } },
  approved = { "alice" },
  expect = { ready = true },
}

case "beside it nothing goes back" {
  releases = {
    { product = "camera", version = "1.0.0" },
    { product = "gateway", version = "1.0.0", from = "1.1.0" },
  },
  approved = { "alice" },
  expect = { verdict = "reject", reason = "is older than 1.1.0" },
}
