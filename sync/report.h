/* SPDX-License-Identifier: ISC */
/*
 * The evidence of a verification: every file with its hash, every role with its keys, signatures and times, what
 * was found, signed by the site. Two forms of one document:
 *
 *   FILE.json  {"_type": "causeway-report", "format": "1.0", "envelope": {…}, "list": text}
 *   FILE.html  a page that shows it, with the same JSON in <script type="application/json" id="causeway-report">
 *
 * list is what sha256sum(1) reads: "<sha256>  <path>\n" for each file that is whole, paths beneath the site's
 * folder (or beneath the folder that was checked). envelope (lib/doc/envelope.h) holds, signed by the site,
 * {"_type": "causeway-report", "format": "1.0", "site", "identity": keyid, "time", "program",
 *  "checked": [as verify --json has it, and "channel", "root_version", "root_sha256"],
 *  "roles": [{"path", "sha256", "role", "version", "expires", "threshold", "signed_by": [keyid], "superseded"}],
 *  "keys": [{"keyid", "keytype", "scheme"}], "list": {"count", "sha256": of the list's text}}
 *
 * The list is kept in a file without a name while it grows; a report is written whole or not at all.
 */
#ifndef CW_SYNC_REPORT_H
#define CW_SYNC_REPORT_H

#include <jansson.h>

#include "crypt/sign.h"
#include "sync/site.h"
#include "tree/check.h"

#define CW_REPORT_TYPE "causeway-report"
#define CW_REPORT_PAYLOAD_TYPE "application/vnd.causeway.report+json"
#define CW_REPORT_MAX ((size_t)256 << 20) /* bytes of one that is checked: a million files */

/* In the page's template, and around the document in the page. */
#define CW_REPORT_LIST_MARK "@list@\n"
#define CW_REPORT_SCRIPT "<script type=\"application/json\" id=\"causeway-report\">"
#define CW_REPORT_SCRIPT_END "</script>"

struct cw_report;

int cw_report_new(struct cw_report **report, const struct cw_site *site, struct cw_err *err);
void cw_report_free(struct cw_report *report); /* NULL is fine */
static inline void cw_report_free_(struct cw_report **report)
{
    cw_report_free(*report);
}
#define CW_AUTO_REPORT __attribute__((cleanup(cw_report_free_))) struct cw_report

/* What follows is of the files below this folder: "upstreams/acme/mirror/", or "". */
int cw_report_folder(struct cw_report *report, const char *prefix, struct cw_err *err);
/* As cw_tree_check calls it: a file that holds. A failure is told by cw_report_write(). */
void cw_report_held(struct cw_report *report, const struct cw_held_file *file);

/* Signs and writes it to `path`, which ends in .json or .html (CW_E_USAGE else: ask before with
 * cw_report_check_name()). checked: array, as above. The caller holds the site's lock. */
int cw_report_write(struct cw_report *report, const char *path, const json_t *checked, int64_t now,
                    struct cw_err *err);
int cw_report_check_name(const char *path, struct cw_err *err);

/* Reads one, of either form: is it signed by this public key, and is its list the signed one? *payload gets
 * what is signed; the caller owns it. CW_E_VERIFY: it is not, or no report at all. */
int cw_report_check(json_t **payload, const char *path, const unsigned char public_key[CW_ED25519_PUBLIC],
                    struct cw_err *err);

#endif
