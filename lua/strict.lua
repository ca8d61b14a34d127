-- SPDX-License-Identifier: ISC
-- What stands behind the words of a site's file and of a spec: from here on, a name that nobody gave a value
-- is an error. It is a text without its quotes, say, which would leave a list empty.

local error, tostring = error, tostring

setmetatable(_ENV, {
  __metatable = false,
  __index = function(_, name)
    name = tostring(name)
    error("there is no variable '" .. name .. "'; texts have quotes, as in \"" .. name .. '"', 2)
  end,
})
