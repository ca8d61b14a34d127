/* SPDX-License-Identifier: ISC */
/*
 * The release manifest: all builds of one version of one product, immutable once published. It is an ordinary
 * TUF target ("<product>/<version>/release.json") signed by the product's role, and pinned by hash from
 * channel manifests.
 *
 * {"_type": "causeway-release", "format": "1.0", "product", "version",
 *  "severity": "low|normal|high|critical", "notes": text, "requires": {product: range}, "features": [text],
 *  "artifacts": [{"path", "length", "sha256", "platform", "kind"}],
 *  "sbom": {"path", "length", "sha256"} or absent, "attestations": [], "sealed": reserved}
 * "notes", "requires", "features" and "attestations" may be absent. Unknown members are kept in doc and
 * ignored: later versions of format 1 may add some. A sealed release is refused by name until this program
 * can open one: what lies in it is not what it seems.
 */
#ifndef CW_RELEASE_MANIFEST_H
#define CW_RELEASE_MANIFEST_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define CW_MANIFEST_MAX ((size_t)1 << 20) /* bytes; jansson's tree of it stays near 10 MiB */
#define CW_ARTIFACTS_MAX 4096             /* some 200 bytes each: what fits in CW_MANIFEST_MAX */
#define CW_REQUIRES_MAX 256               /* more than any product needs of its neighbours */
#define CW_FEATURES_MAX 256
#define CW_LENGTH_MAX INT64_C(9007199254740991) /* of one file: what every JSON reader can hold exactly */
#define CW_MANIFEST_FILE "release.json"         /* its own name; no artifact has it */

#define CW_RELEASE_TYPE "causeway-release"
#define CW_PLATFORM_ANY "any" /* goes with every platform */

enum cw_kind { CW_KIND_FILE, CW_KIND_ARCHIVE, CW_KIND_FIRMWARE, CW_KIND_PACKAGE };
int cw_kind_parse(enum cw_kind *kind, const char *text, struct cw_err *err);
const char *cw_kind_name(enum cw_kind kind);
int cw_severity_check(const char *text, struct cw_err *err);

struct cw_artifact {  /* texts borrowed from the manifest */
    const char *path; /* target path: "<product>/<version>/<file>" */
    const char *sha256;
    uint64_t length;
    const char *platform;
    enum cw_kind kind;
};

struct cw_manifest {
    json_t *doc; /* owned; what is not below is read from here */
    char *texts; /* owned: those of the artifacts of a manifest that was made light; else NULL */
    const char *product, *version, *severity;
    const char *notes;      /* "" when absent */
    const json_t *requires; /* object: product → range; NULL: none */
    struct cw_artifact *artifacts;
    size_t artifact_count;
    bool has_sbom;
    struct cw_artifact sbom; /* platform "any", kind file; its path is not one of the artifacts' */
};

/* Parses and checks everything that the document alone can tell: names, versions, that each path lies in its
 * own product and version, no path twice or equal but for case. CW_E_VERIFY. */
int cw_manifest_parse(struct cw_manifest *manifest, const void *bytes, size_t len, struct cw_err *err);
/* Takes the artifacts out of doc, where each takes a kilobyte, into a block of their texts: for who holds many releases. */
int cw_manifest_lighten(struct cw_manifest *manifest, struct cw_err *err);
void cw_manifest_clear(struct cw_manifest *manifest);

#endif
