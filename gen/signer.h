/* SPDX-License-Identifier: ISC */
/*
 * A key whose secret half is in a device or a service (an HSM, a KMS) that a program asks for signatures. The program gets the bytes to
 * be signed on standard input, as a file that it may read twice, and writes the signature to standard output: as it is, in
 * hexadecimal digits or in base64. It is started without a shell, found in PATH, in the terminal's foreground, with the environment
 * of its caller and
 *
 *     CAUSEWAY_KEYID, CAUSEWAY_KEY_NAME, CAUSEWAY_ROLE, CAUSEWAY_KEYTYPE, CAUSEWAY_SCHEME
 *
 * What it writes to standard error is shown. It is believed nothing: a signature counts once the public half has verified it.
 *
 *     keys/<name>.signer    {"_type": "causeway-signer", "format": "1.0", "command": [word, …], "timeout": "2m"}
 */
#ifndef CW_GEN_SIGNER_H
#define CW_GEN_SIGNER_H

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"

#define CW_SIGNER_TYPE "causeway-signer"
#define CW_SIGNER_FILE_MAX ((size_t)16 << 10) /* bytes of such a file */
#define CW_SIGNER_OUTPUT_MAX                                                                                 \
    ((size_t)8192)                     /* bytes of a signature's text: RSA of 16384 bits in hexadecimal */
#define CW_SIGNER_TIMEOUT INT64_C(120) /* seconds: time for a person to touch a device */

struct cw_signer {
    char **words;    /* NULL-terminated; the program and its arguments */
    int64_t timeout; /* seconds that one signature may take */
};

/* A command line as a person gives it, cut at blanks; nothing in it is special. CW_E_USAGE when it is empty. */
int cw_signer_new(struct cw_signer **signer, const char *line, int64_t timeout, struct cw_err *err);
int cw_signer_parse(struct cw_signer **signer, const void *text, size_t len, struct cw_err *err);
int cw_signer_format(struct cw_buf *buf, const struct cw_signer *signer, struct cw_err *err);
void cw_signer_free(struct cw_signer *signer); /* NULL is fine */

static inline void cw_signer_free_(struct cw_signer **signer)
{
    cw_signer_free(*signer);
}
#define CW_AUTO_SIGNER __attribute__((cleanup(cw_signer_free_))) struct cw_signer

/* Whose signature is asked for. */
struct cw_signer_wish {
    const char *keyid, *name, *role;
    const json_t *key; /* the key object that must verify it */
};

/* Appends the signature in hexadecimal digits, as metadata has it. CW_E_TEMP when the time is over, CW_E_VERIFY for what is no
 * signature by that key, CW_E_FAIL when the program failed. */
int cw_signer_sign(struct cw_buf *hex, const struct cw_signer *signer, const struct cw_signer_wish *wish,
                   const void *data, size_t len, struct cw_err *err);

#endif
