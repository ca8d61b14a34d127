-- SPDX-License-Identifier: ISC
-- What critical.lua is to decide, case by case: run by causeway-sync policy test.
policy "critical.lua"

local function update(words)
  local release = { product = "gateway", version = "1.1.0", from = "1.0.0" }
  for word, value in pairs(words) do release[word] = value end
  return { release }
end

case "on a Wednesday a critical fix goes in at once" {
  now = "2026-11-25T10:00:00Z",
  releases = update { severity = "critical", scan = "clean" },
  expect = {
    ready = true, reason = "does not wait", before = {}, after = {},
    checks = { "/usr/bin/systemctl restart gateway", "/opt/plant/current/gateway/bin/health (as plant)" },
    undo = { "/usr/bin/systemctl restart gateway" },
  },
}

case "any other update waits for Saturday night" {
  now = "2026-11-25T10:00:00Z",
  releases = update { severity = "high" },
  expect = { ready = false, waits = "opens Sat 2026-11-28 22:00 Europe/Berlin" },
}

case "what the scanner does not like does not go in, however critical" {
  releases = update { severity = "critical", scan = "bad" },
  expect = { verdict = "hold", reason = "the scanner's verdict is 'bad'" },
}

case "nor what it has not seen yet" {
  releases = update { severity = "critical", scan = "missing" },
  expect = { verdict = "hold", reason = "'missing'" },
}

case "a critical new major version needs a person" {
  releases = update { version = "2.0.0", severity = "critical" },
  expect = { verdict = "hold", reason = "new major version after 1.0.0" },
}

case "a critical downgrade is refused" {
  releases = update { version = "0.9.0", severity = "critical" },
  expect = { verdict = "reject", reason = "older than the installed 1.0.0" },
}

case "a first installation that fails is stopped" {
  releases = { { product = "gateway", version = "1.0.0", severity = "critical" } },
  expect = { ready = true, undo = { "/usr/bin/systemctl stop gateway" } },
}
