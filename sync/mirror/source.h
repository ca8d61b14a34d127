/* SPDX-License-Identifier: ISC */
/*
 * Where a pull gets its bytes: a web server, a folder that holds a tree, or a bundle. All three give files by
 * their path in the tree; what the bytes are worth is judged by the caller, except that a bundle's own list
 * is held to.
 */
#ifndef CW_SYNC_MIRROR_SOURCE_H
#define CW_SYNC_MIRROR_SOURCE_H

#include "http/http.h"
#include "intake/intake.h"
#include "sync/site.h"
#include "tree/volume.h"

/* Folders that one removable pattern may name: more sticks than anybody plugs in. */
#define CW_SOURCE_MATCHES_MAX 64

struct cw_source;

/* What a place named by hand is: a URL, else a folder. */
enum cw_source_kind cw_source_kind_of(const char *where);

/* Opens one place. A folder that is not there, or a removable pattern, which must be resolved before:
 * CW_E_NOTFOUND. A folder with a volume list is a bundle, and is judged as removable; its list must agree
 * with itself and with SHA256SUMS (CW_E_VERIFY). http: how a web server is spoken to; NULL for others. */
int cw_source_open(struct cw_source **source, enum cw_source_kind kind, const char *where,
                   const struct cw_http_options *http, struct cw_err *err);
/* The same for a folder in which the lists of several volumes lie: this one of them; 0: the only one. */
int cw_source_open_volume(struct cw_source **source, enum cw_source_kind kind, const char *where,
                          int64_t volume, const struct cw_http_options *http, struct cw_err *err);
void cw_source_free(struct cw_source *source);
static inline void cw_source_free_(struct cw_source **source)
{
    cw_source_free(*source);
}
#define CW_AUTO_SOURCE __attribute__((cleanup(cw_source_free_))) struct cw_source

const char *cw_source_where(const struct cw_source *source);
enum cw_source_kind cw_source_kind(const struct cw_source *source);
/* Did it ever give an answer, be it that a file is not there? Until then, another source may be asked
 * instead. */
bool cw_source_answered(const struct cw_source *source);

/* The web server as an intake wants it; false: it is none. The texts are the source's. */
bool cw_source_web(const struct cw_source *source, struct cw_intake_source *web);

/* Gives the file's bytes, at most max of them, to sink; read once, from a regular file. CW_E_NOTFOUND: not
 * there. CW_E_TEMP: try again. CW_E_VERIFY: longer than max, or not what the bundle's list says. */
int cw_source_get(struct cw_source *source, const char *path, uint64_t max, cw_http_sink *sink, void *ctx,
                  struct cw_err *err);
/* The same into memory (buf's max is the limit). */
int cw_source_get_buf(struct cw_source *source, const char *path, struct cw_buf *buf, struct cw_err *err);

/* That file, of at most max bytes, will be asked for by cw_source_get_buf() soon: a web server is asked now, by a thread. That
 * ends with cw_source_expect_end(), before a process is forked. */
void cw_source_expect(struct cw_source *source, const char *path, size_t max);
void cw_source_expect_end(struct cw_source *source);
/* Takes such a file before its time: from a web server if it has come by now, else it is read. False: then cw_source_get_buf() tells
 * what there is to tell. */
bool cw_source_take_ahead(struct cw_source *source, const char *path, struct cw_buf *buf);

/* The list of the bundle's volume; NULL: this is none. */
const struct cw_volume *cw_source_volume(const struct cw_source *source);
/* Bytes of the bundle's files that nobody got yet; 0 for other sources. */
uint64_t cw_source_rest(const struct cw_source *source);
/* Reads and checks those files too, so that a bundle is accepted only when all of it is good. Each finding is
 * in err (the first); CW_E_VERIFY for a changed file, CW_E_INCOMPLETE for a missing one. */
int cw_source_check_rest(struct cw_source *source, struct cw_progress *progress, struct cw_err *err);

/* Resolves a removable pattern: the folders that match now, as a NULL-terminated list to be freed with
 * cw_source_matches_free(). */
int cw_source_match(char ***matches, const char *pattern, struct cw_err *err);
void cw_source_matches_free(char **matches);

#endif
