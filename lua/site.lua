-- SPDX-License-Identifier: ISC
-- What site.lua finds in its environment besides Lua's own: words for what a plain string cannot say.

local error, tostring = error, tostring

-- A source that comes and goes: a pattern of folders under which media appear.
function removable(pattern)
  if type(pattern) ~= "string" or pattern == "" then
    error('removable: expected a pattern of folders, as in removable "/media/*/causeway"', 2)
  end
  return { removable = pattern }
end

-- A name that nobody gave a value: a text without its quotes, say, which would leave a list empty.
setmetatable(_ENV, {
  __metatable = false,
  __index = function(_, name)
    name = tostring(name)
    error("there is no variable '" .. name .. "'; texts have quotes, as in \"" .. name .. '"', 2)
  end,
})
