-- SPDX-License-Identifier: ISC
-- What site.lua finds in its environment besides Lua's own: words for what a plain string cannot say.
-- lua/strict.lua follows it.

local error = error

-- A source that comes and goes: a pattern of folders under which media appear.
function removable(pattern)
  if type(pattern) ~= "string" or pattern == "" then
    error('removable: expected a pattern of folders, as in removable "/media/*/causeway"', 2)
  end
  return { removable = pattern }
end
