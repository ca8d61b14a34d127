-- SPDX-License-Identifier: ISC
-- What policy.lua finds in its environment besides Lua's own: the decisions accept, hold and reject, rules,
-- the actions run, put, post and get, deliveries, and versions. Each only builds a table that says what is
-- meant; the program checks it again and acts. Words made by `located` get first where the policy calls them,
-- as "policy.lua:12: ", for errors.

local located, defined, in_range, compare_versions = host.located, host.defined, host.in_range, host.compare
local type, error, pairs, ipairs, byte, min = type, error, pairs, ipairs, string.byte, math.min
local pcall, tostring, match, sub, is_integer = pcall, tostring, string.match, string.sub, math.type
local rawget, setmetatable = rawget, setmetatable

-- How many letters must change to make b of a (Levenshtein).
local function distance(a, b)
  local row = {}
  for j = 0, #b do row[j] = j end
  for i = 1, #a do
    local corner = row[0]
    row[0] = i
    for j = 1, #b do
      local cost = byte(a, i) == byte(b, j) and 0 or 1
      corner, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, corner + cost)
    end
  end
  return row[#b]
end

local function fail(where, ...)
  local text = where
  for _, part in ipairs { ... } do text = text .. part end
  error(text, 0)
end

-- " (did you mean 'window'?)", or nothing where no known word is near.
local function guess(word, known)
  if type(word) ~= "string" or #word >= 64 then return "" end
  for _, good in ipairs(known) do
    if distance(word, good) <= (#word < 4 and 1 or 2) then return " (did you mean '" .. good .. "'?)" end
  end
  return ""
end

-- Refuses words that are not known, naming the one that was probably meant.
local function only(where, what, words, known)
  local is_known = {}
  for _, good in ipairs(known) do is_known[good] = true end
  for word in pairs(words) do
    if not is_known[word] then
      fail(where, what, ": unknown word '", tostring(word), "'", guess(word, known))
    end
  end
end

-- What a metatable says for a table in which only the known names can be asked for: a misspelt one would be
-- nil, and a comparison with it never true.
local function strict(what, known)
  local is_known = {}
  for _, name in ipairs(known) do is_known[name] = true end
  return {
    __metatable = false,
    __index = function(_, name)
      if is_known[name] then return nil end
      error(what .. " has no '" .. tostring(name) .. "'" .. guess(name, known), 2)
    end,
  }
end

local SITE = strict("site", { "name", "generation", "installed" })
local SET = strict("a set",
  { "upstream", "channel", "serial", "published", "severity", "bytes", "releases", "removed", "scan" })
local OF_RELEASE = { "product", "version", "from", "change", "severity", "notes", "features", "requires",
  "promoted", "platform", "bytes", "attestations", "scan" }
local RELEASE = strict("a release", OF_RELEASE)
local STAGED = strict("a release", { "dir", "staged", table.unpack(OF_RELEASE) })
local ARTIFACT = strict("an artifact",
  { "product", "version", "from", "platform", "kind", "name", "sha256", "length", "file", "previous" })

-- The last word of the policy that built something: what is built and not returned was meant to be.
local built, built_at

local function note(what, where, made)
  built, built_at = what, where
  return made
end

-- Asks a function of the policy. Nothing is an answer too, but not if it decided or described something.
local function ask(f, ...)
  built = nil
  local answer = f(...)
  if answer == nil and built then
    error(built_at .. "what " .. built .. " gave is not returned: write 'return' before it", 0)
  end
  return answer
end

local function reason_of(where, what, reason)
  if type(reason) ~= "string" or reason == "" then
    fail(where, what, ": expected a reason, as in ", what, ' "why"')
  end
  return reason
end

local function text_of(where, word, value)
  if value ~= nil and type(value) ~= "string" then
    fail(where, "accept: ", word, " is a ", type(value), ", not a text")
  end
  return value
end

local function texts_of(where, word, value)
  if type(value) == "string" then return { value } end
  if value ~= nil and type(value) ~= "table" then
    fail(where, "accept: ", word, " is a ", type(value), ", not a list of texts")
  end
  for key, item in pairs(value or {}) do
    if is_integer(key) ~= "integer" or type(item) ~= "string" then
      fail(where, "accept: ", word, " is not a list of texts only")
    end
  end
  return value
end

local QUORUM = '{ count = 2, from = { "alice", "bob" } }'

-- 2, { count = 2, from = { "alice", "safety" } }, or a list of such tables; as a list of tables.
local function approvals_of(where, value)
  if value == nil then return nil end
  if is_integer(value) == "integer" then value = { count = value } end
  if type(value) ~= "table" then
    fail(where, "accept: approvals is a ", type(value), ", not a number or a table like ", QUORUM)
  end
  if value[1] == nil then value = { value } end
  local list = {}
  for i, quorum in pairs(value) do
    if is_integer(i) ~= "integer" or type(quorum) ~= "table" then
      fail(where, "accept: approvals is not a number, a table like ", QUORUM, ", or a list of those")
    end
    only(where, "accept: approvals", quorum, { "count", "from" })
    if quorum.count ~= nil and is_integer(quorum.count) ~= "integer" then
      fail(where, "accept: approvals: count is not a whole number")
    end
    list[i] = { count = quorum.count or 1, from = texts_of(where, "approvals: from", quorum.from) }
  end
  return list
end

local function place(where)
  return match(where, "^(.*): $")
end

-- accept "reason", or with gates:
-- accept { reason = "…", window = "Sat 02:00-06:00 Europe/Berlin", not_before = "2030-01-31T00:00:00Z" }
accept = located(function(where, how)
  if how == nil then how = {} end
  if type(how) == "string" then how = { reason = how } end
  if type(how) ~= "table" then
    fail(where, "accept: expected a reason or a table of gates, got a ", type(how))
  end
  only(where, "accept", how,
    { "after_promotion", "approvals", "blackout", "not_before", "reason", "rollout", "scan", "window" })
  if how.reason ~= nil then reason_of(where, "accept", how.reason) end
  return note("accept", where, {
    verdict = "accept", reason = how.reason or "accepted by policy", at = place(where),
    gates = {
      after_promotion = text_of(where, "after_promotion", how.after_promotion),
      approvals = approvals_of(where, how.approvals),
      blackout = texts_of(where, "blackout", how.blackout),
      not_before = text_of(where, "not_before", how.not_before),
      rollout = texts_of(where, "rollout", how.rollout),
      scan = text_of(where, "scan", how.scan),
      window = text_of(where, "window", how.window),
    },
  })
end)

-- Not now; the same question is asked again at the next plan.
hold = located(function(where, reason)
  reason_of(where, "hold", reason)
  return note("hold", where, { verdict = "hold", reason = reason, at = place(where) })
end)

-- Never this set.
reject = located(function(where, reason)
  reason_of(where, "reject", reason)
  return note("reject", where, { verdict = "reject", reason = reason, at = place(where) })
end)

local rules = {}

-- rule("name", function(set, site) … end): one more that is asked; what it returns adds to what others do.
rule = located(function(where, name, f)
  if type(name) ~= "string" or name == "" or #name > 64 then
    fail(where, 'rule: expected a name of at most 64 bytes, as in rule("no downgrades", function(set) … end)')
  end
  if type(f) ~= "function" then fail(where, "rule '", name, "': expected a function, got a ", type(f)) end
  for _, other in ipairs(rules) do
    if other.name == name then fail(where, "rule '", name, "' is there already") end
  end
  rules[#rules + 1] = { name = name, ask = f }
end)

-- satisfies("2.1.0", "^2.0.0"): ranges as in a release's requirements.
satisfies = located(function(where, version, range)
  if type(version) ~= "string" or type(range) ~= "string" then
    fail(where, 'satisfies: expected a version and a range, as in satisfies("2.1.0", "^2.0.0")')
  end
  local ok, answer = pcall(in_range, version, range)
  if not ok then fail(where, "satisfies: ", answer) end
  return answer == 1
end)

-- compare("2.1.0", "2.0.0"): below 0, 0 or above 0, by precedence.
compare = located(function(where, a, b)
  if type(a) ~= "string" or type(b) ~= "string" then
    fail(where, 'compare: expected two versions, as in compare("2.1.0", "2.0.0")')
  end
  local ok, answer = pcall(compare_versions, a, b)
  if not ok then fail(where, "compare: ", answer) end
  return answer
end)

-- A table's list and its named words, apart.
local function split(where, what, given, known, example)
  if type(given) ~= "table" then fail(where, what, ": expected a table, as in ", example) end
  local words, list = {}, {}
  for key, value in pairs(given) do
    if is_integer(key) == "integer" then list[key] = value else words[key] = value end
  end
  only(where, what, words, known)
  return words, list
end

local function check_texts(where, what, words, names)
  for _, name in ipairs(names) do
    if words[name] ~= nil and type(words[name]) ~= "string" then
      fail(where, what, ": ", name, " is a ", type(words[name]), ", not a text",
        name == "timeout" and ' like "60s"' or "")
    end
  end
end

local function codes_of(where, what, name, value)
  if is_integer(value) == "integer" then return { value } end
  if value ~= nil and type(value) ~= "table" then
    fail(where, what, ": ", name, " is a ", type(value), ", neither a number nor a list of them")
  end
  for key, code in pairs(value or {}) do
    if is_integer(key) ~= "integer" or is_integer(code) ~= "integer" then
      fail(where, what, ": ", name, " is not a list of whole numbers only")
    end
  end
  return value
end

local EXAMPLE = 'run { "/usr/bin/systemctl", "restart", "plc" }'

-- run { "/absolute/command", "argument", timeout = "60s" }: no shell, no search path.
run = located(function(where, command)
  local words, argv = split(where, "run", command, { "dir", "env", "exit", "group", "timeout", "user" },
    EXAMPLE)
  if type(argv[1]) ~= "string" or byte(argv[1]) ~= byte("/") then
    fail(where, "run: the command is not an absolute path, as in ", EXAMPLE)
  end
  for i, word in ipairs(argv) do
    if type(word) ~= "string" then
      fail(where, "run: argument ", i - 1, " is a ", type(word), ", not a text")
    end
  end
  check_texts(where, "run", words, { "dir", "group", "timeout", "user" })
  if words.env ~= nil and type(words.env) ~= "table" then
    fail(where, 'run: env is a ', type(words.env), ', not a table like { NAME = "text" }')
  end
  for name, value in pairs(words.env or {}) do
    if type(name) ~= "string" or type(value) ~= "string" then
      fail(where, "run: env has an entry that is not NAME = \"text\"")
    end
  end
  words.exit = codes_of(where, "run", "exit", words.exit)
  words.run = argv
  return note("run", where, words)
end)

-- put { "https://plc-1/firmware", token_file = "/etc/…", timeout = "5m" } and its like.
local function request(method)
  return located(function(where, how)
    local words, list = split(where, method, how,
      { "body", "ca_file", "contains", "file", "status", "timeout", "token_file" },
      method .. ' { "https://plc-1.plant.example/firmware" }')
    if type(list[1]) ~= "string" or #list > 1 then
      fail(where, method, ": expected one URL, as in ", method, ' { "https://plc-1.plant.example/firmware" }')
    end
    if not match(list[1], "^https?://.") then
      fail(where, method, ": '", list[1], "' is not a URL like https://plc-1.plant.example/firmware")
    end
    check_texts(where, method, words, { "body", "ca_file", "contains", "file", "timeout", "token_file" })
    if words.token_file and byte(words.token_file) ~= byte("/") then
      fail(where, method, ": token_file '", words.token_file, "' is not an absolute path")
    end
    words.status = codes_of(where, method, "status", words.status)
    words[method] = list[1]
    return note(method, where, words)
  end)
end
put, post, get = request "put", request "post", request "get"

-- delivery { put { … }, check = get { … }, undo = put { … } }: what hands one artifact on.
delivery = located(function(where, how)
  local words, list = split(where, "delivery", how, { "check", "undo" }, "delivery { put { … } }")
  if type(list[1]) ~= "table" or #list > 1 then
    fail(where, "delivery: expected one action, as in delivery { put { … }, check = get { … } }")
  end
  for name, value in pairs(words) do
    if type(value) ~= "table" then
      fail(where, "delivery: ", name, " is a ", type(value), ", not an action")
    end
  end
  words.send = list[1]
  return note("delivery", where, words)
end)

-- store "why": the artifact stays in its release's folder, and nothing is to hand it on.
store = located(function(where, reason)
  return note("store", where, { stored = reason_of(where, "store", reason) })
end)

-- What one rule does to its question is not to reach the next.
local function copy(value)
  if type(value) ~= "table" then return value end
  local made = {}
  for key, item in pairs(value) do made[key] = copy(item) end
  return made
end

local function set_of(set)
  local made = setmetatable(copy(set), SET)
  for _, release in ipairs(made.releases or {}) do setmetatable(release, RELEASE) end
  return made
end

-- Nothing is an answer of a rule, and of decide() beside rules.
local function wrong_kind(name, answer)
  local who = name == "decide" and "decide()" or "rule '" .. name .. "'"
  if answer == nil and name == "decide" and #rules == 0 then
    return who .. " returned no decision: each way through it ends with return accept, hold or reject"
  elseif type(answer) == "function" then
    return who .. ' returned something else than accept, hold or reject: a function; call it, as in '
      .. 'return hold "why"'
  elseif answer ~= nil and type(answer) ~= "table" then
    return who .. " returned something else than accept, hold or reject: a " .. type(answer)
  end
end

-- The program's own entry: asks every rule, then decide, and gives back each answer. No policy can spell it
-- by mistake. An error is one rule's answer, so that the others are heard too.
_ENV["causeway.decide"] = function(set, site)
  local answers = {}
  local function hear(name, f)
    local ok, answer = pcall(ask, f, set_of(set), setmetatable(copy(site), SITE))
    local problem = ok and wrong_kind(name, answer)
    if problem then
      answers[#answers + 1] = { rule = name, error = defined(f) .. problem }
    elseif ok then
      answers[#answers + 1] = { rule = name, answer = answer }
    elseif type(answer) ~= "string" then
      answers[#answers + 1] = { rule = name, error = "raised a " .. type(answer) .. " as its error" }
    elseif answer == "not enough memory" then
      answers[#answers + 1] = { rule = name, error = "exceeded its memory" }
    else
      answers[#answers + 1] = { rule = name, error = answer == "" and "raised an empty error" or answer }
    end
  end
  for _, each in ipairs(rules) do hear(each.name, each.ask) end
  local decide = rawget(_ENV, "decide")
  if type(decide) == "function" then hear("decide", decide) end
  return answers
end

-- What the program asks for by name; and all names that are not the policy's own.
local stages = { "before", "stage", "check", "after", "undo" }
local entries = { "before", "stage", "check", "after", "undo", "decide", "deliver" }
local ours = {}

-- One letter off, two in a long name, or two neighbours the wrong way round.
local function is_near(name, entry)
  for i = 1, #name - 1 do
    if sub(name, 1, i - 1) .. sub(name, i + 1, i + 1) .. sub(name, i, i) .. sub(name, i + 2) == entry then
      return true
    end
  end
  return distance(name, entry) <= (#entry > 5 and 2 or 1)
end

-- A misspelt function would never be asked, and what it was to prove never proven.
local function check_names()
  for name, value in pairs(_ENV) do
    if type(value) == "function" and type(name) == "string" and not ours[name] and #name < 64 then
      for _, entry in ipairs(entries) do
        if rawget(_ENV, entry) == nil and is_near(name, entry) then
          error(defined(value) .. "unknown function '" .. name .. "' (did you mean '" .. entry
            .. "'?); a function of your own is declared local", 0)
        end
      end
    end
  end
  for _, entry in ipairs(entries) do
    local value = rawget(_ENV, entry)
    if value ~= nil and type(value) ~= "function" then
      error("'" .. entry .. "' is a " .. type(value) .. ", not a function", 0)
    end
  end
end

-- The program's own entry: what is to be done for one release, stage by stage, and for what it hands on.
_ENV["causeway.actions"] = function(question)
  local made = { deliveries = {} }
  check_names()
  for _, name in ipairs(stages) do
    local f = rawget(_ENV, name)
    if f then
      local release = setmetatable(copy(question.release), STAGED)
      release.dir, release.staged = question.dirs[name], question.dirs.stage
      made[name] = ask(f, release)
      if type(made[name]) == "table" and rawget(made[name], "run") then
        error(defined(f) .. name .. "() returned an action, not a list of them: return { run { … } }", 0)
      end
    end
  end
  local deliver = rawget(_ENV, "deliver")
  for i, artifact in ipairs(question.artifacts) do
    made.deliveries[i] = deliver and ask(deliver, setmetatable(copy(artifact), ARTIFACT)) or false
  end
  return made
end

-- The program's own entry: the names of the policy's global functions that are asked by nobody but itself.
_ENV["causeway.functions"] = function()
  local names = {}
  for _, entry in ipairs(entries) do ours[entry] = true end
  for name, value in pairs(_ENV) do
    if type(value) == "function" and type(name) == "string" and not ours[name] then
      names[#names + 1] = name
    end
  end
  return names
end

for name in pairs(_ENV) do ours[name] = true end
ours.host = nil

-- A name that nobody gave a value is misspelt, or a text without its quotes, or not in this Lua.
setmetatable(_ENV, {
  __metatable = false,
  __index = function(_, name)
    local known = {}
    for word in pairs(ours) do known[#known + 1] = word end
    error("there is no variable '" .. tostring(name) .. "'" .. guess(name, known)
      .. "; texts have quotes, and causeway-policy(7) tells what of Lua is here", 2)
  end,
})
