-- SPDX-License-Identifier: ISC
-- What firmware.lua is to decide, case by case: run by causeway-sync policy test.
policy "firmware.lua"

local update = {
  product = "plc-firmware", version = "2.1.0", from = "2.0.0",
  artifacts = { { name = "plc.bin", kind = "firmware" } },
}

case "it goes in at night, to one controller after the other, while the line stands still" {
  now = "2026-11-26T01:30:00Z",
  releases = { update },
  expect = {
    ready = true,
    before = { "/usr/local/sbin/line-stands-still (as plant)" },
    deliveries = {
      "PUT http://plc-1.plant.example/firmware < plc.bin",
      "PUT http://plc-2.plant.example/firmware < plc.bin",
    },
  },
}

case "by day it waits" {
  now = "2026-11-26T10:00:00Z",
  releases = { update },
  expect = { ready = false, waits = "opens Fri 2026-11-27 01:00 Europe/Berlin" },
}

case "a critical fix does not" {
  now = "2026-11-26T10:00:00Z",
  releases = {
    { product = "plc-firmware", version = "2.1.1", from = "2.1.0", severity = "critical",
      artifacts = { { name = "plc.bin", kind = "firmware" } } },
  },
  expect = { ready = true, reason = "does not wait" },
}

case "a product without firmware needs neither" {
  now = "2026-11-26T01:30:00Z",
  releases = { { product = "gateway", version = "1.1.0", from = "1.0.0" } },
  expect = { ready = true, before = {}, deliveries = {} },
}
