/* SPDX-License-Identifier: ISC */
/*
 * The texts of lua/mustache.lua and templates/, as the build compiles them in. For lib/render alone.
 */
#ifndef CW_RENDER_TEMPLATES_H
#define CW_RENDER_TEMPLATES_H

extern const char cw_template_mustache[];
extern const char cw_template_bundle[], cw_template_carry[], cw_template_check[], cw_template_report[],
    cw_template_style[];

#endif
