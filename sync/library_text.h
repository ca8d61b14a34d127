/* SPDX-License-Identifier: ISC */
/*
 * The texts of lua/policy.lua, lua/site.lua and lua/spec.lua, made into sync/library.inc when building, so that no file is
 * looked up when running.
 */
#ifndef CW_SYNC_LIBRARY_TEXT_H
#define CW_SYNC_LIBRARY_TEXT_H

extern const char cw_library_policy[];
extern const char cw_library_site[];
extern const char cw_library_spec[];

#endif
