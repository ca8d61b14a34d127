-- SPDX-License-Identifier: ISC
-- Mustache (specification 1.4, https://mustache.github.io/): templates without logic, for every page that
-- Causeway writes. Variables, sections, inverted sections, comments, partials and other delimiters; no
-- lambdas, since what is rendered is data. One function of strings and tables:
--
--   render(template, data, partials)   the page; partials: name -> template, may be left out
--
-- A tag that is not closed, or closed by another name, is an error that names its line.

local ESCAPES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#39;" }
local DEPTH_MAX = 32 -- of partials in partials: one that names itself ends here

local function escape(text)
  return (text:gsub("[&<>\"']", ESCAPES))
end

local function trim(text)
  return text:match("^%s*(.-)%s*$")
end

local function line_of(text, at)
  local line = 1
  for _ in text:sub(1, at):gmatch("\n") do line = line + 1 end
  return line
end

local function fail(state, at, message)
  error("line " .. line_of(state.text, at) .. ": " .. message, 0)
end

-- ---- parsing: a template becomes a list of nodes; a section has a list of its own ----

-- Where the blanks before `at` begin, if they begin a line; else nil.
local function blank_before(text, at)
  local start = at
  while start > 1 and text:find("^[ \t]", start - 1) do start = start - 1 end
  if start == 1 or text:sub(start - 1, start - 1) == "\n" then return start end
end

-- The place behind the line's end, if only blanks are left of the line from `at`; else nil.
local function blank_behind(text, at)
  local past = text:match("^[ \t]*\r?\n()", at)
  return past or text:match("^[ \t]*()$", at)
end

local function add_text(state, text)
  if text ~= "" then
    local nodes = state.nodes
    nodes[#nodes + 1] = { kind = "text", text = text }
  end
end

local function open_section(state, kind, name, at)
  local node = { kind = kind, name = name, nodes = {}, outer = state.nodes, at = at }
  state.nodes[#state.nodes + 1] = node
  state.stack[#state.stack + 1] = node
  state.nodes = node.nodes
end

local function close_section(state, name, at)
  local node = state.stack[#state.stack]
  if not node then fail(state, at, "section '" .. name .. "' is closed, but was not opened") end
  if node.name ~= name then
    fail(state, at, "section '" .. node.name .. "' is closed by the name of '" .. name .. "'")
  end
  state.stack[#state.stack] = nil
  state.nodes = node.outer
end

local function set_delimiters(state, inside, at)
  local open, close = inside:match("^%s*([^%s=]+)%s+([^%s=]+)%s*$")
  if not open then fail(state, at, "a change of delimiters names two, as in {{=<% %>=}}") end
  state.open, state.close = open, close
end

-- Reads the tag that begins at `at`: its kind ("" for a variable), what is inside, and the place behind it.
local function read_tag(state, at)
  local text, from = state.text, at + #state.open
  local kind = text:match("^%s*([#^/!>&={])", from) or ""
  local close = state.close
  if kind == "{" then
    close = "}" .. close
  elseif kind == "=" then
    close = "=" .. close
  end
  if kind ~= "" then from = text:find(kind, from, true) + 1 end
  local first, last = text:find(close, from, true)
  if not first then fail(state, at, "a tag is not closed by '" .. close .. "'") end
  return kind, text:sub(from, first - 1), last + 1
end

local function add_tag(state, kind, inside, at, indent)
  local name = trim(inside)
  if kind == "!" then return end
  if kind == "=" then return set_delimiters(state, inside, at) end
  if name == "" then fail(state, at, "a tag has no name") end
  if kind == "#" or kind == "^" then
    open_section(state, kind, name, at)
  elseif kind == "/" then
    close_section(state, name, at)
  else
    state.nodes[#state.nodes + 1] = {
      kind = kind == ">" and "partial" or "variable",
      name = name,
      raw = kind == "{" or kind == "&",
      indent = indent,
    }
  end
end

local function parse(text)
  local top = {}
  local state = { text = text, open = "{{", close = "}}", nodes = top, stack = {} }
  local at = 1
  while true do
    local start = text:find(state.open, at, true)
    if not start then break end
    local kind, inside, past = read_tag(state, start)
    local indent, text_end, next_at = "", start - 1, past
    -- A tag that stands alone on its line takes the line with it.
    if kind:find("[#^/!>=]") then
      local before, behind = blank_before(text, start), blank_behind(text, past)
      if before and behind and before >= at then
        indent, text_end, next_at = text:sub(before, start - 1), before - 1, behind
      end
    end
    add_text(state, text:sub(at, text_end))
    add_tag(state, kind, inside, start, indent)
    at = next_at
  end
  add_text(state, text:sub(at))
  local left = state.stack[#state.stack]
  if left then fail(state, left.at, "section '" .. left.name .. "' is not closed") end
  return top
end

-- ---- rendering ----

local function find(stack, name)
  if name == "." then return stack[#stack] end
  local first, rest = name:match("^([^.]+)%.?(.*)$")
  local value
  for i = #stack, 1, -1 do
    local context = stack[i]
    if type(context) == "table" and context[first] ~= nil then
      value = context[first]
      break
    end
  end
  for part in (rest or ""):gmatch("[^.]+") do
    if type(value) ~= "table" then return nil end
    value = value[part]
  end
  return value
end

local function is_list(value)
  return type(value) == "table" and (value[1] ~= nil or next(value) == nil)
end

local render_nodes

local function render_section(out, node, stack, partials, depth)
  local value = find(stack, node.name)
  local empty = value == nil or value == false or (is_list(value) and value[1] == nil)
  if node.kind == "^" then
    if empty then render_nodes(out, node.nodes, stack, partials, depth) end
    return
  end
  if empty then return end
  local top = #stack + 1
  for _, item in ipairs(is_list(value) and value or { value }) do
    stack[top] = item
    render_nodes(out, node.nodes, stack, partials, depth)
  end
  stack[top] = nil
end

local function render_partial(out, node, stack, partials, depth)
  local text = partials[node.name]
  if text == nil or text == "" then return end
  if depth >= DEPTH_MAX then error("partial '" .. node.name .. "' stands within itself too often", 0) end
  if node.indent ~= "" then
    text = node.indent .. text:gsub("\n([^\n])", function(c) return "\n" .. node.indent .. c end)
  end
  render_nodes(out, parse(text), stack, partials, depth + 1)
end

function render_nodes(out, nodes, stack, partials, depth)
  for _, node in ipairs(nodes) do
    if node.kind == "text" then
      out[#out + 1] = node.text
    elseif node.kind == "variable" then
      local value = find(stack, node.name)
      if value ~= nil then out[#out + 1] = node.raw and tostring(value) or escape(tostring(value)) end
    elseif node.kind == "partial" then
      render_partial(out, node, stack, partials, depth)
    else
      render_section(out, node, stack, partials, depth)
    end
  end
end

function render(template, data, partials)
  local out = {}
  render_nodes(out, parse(template), { data }, partials or {}, 0)
  return table.concat(out)
end
