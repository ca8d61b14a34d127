/* SPDX-License-Identifier: ISC */
/*
 * Messages: what goes to the person, what to a program that reads JSON.
 */
#include "cli/say.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "codec/json.h"

#define JSON_OUT_MAX                                                                                         \
    ((size_t)256 << 20) /* of one document on standard output: a verify report names every file */

static bool json_written; /* standard output has its one document */

void cw_cli_say(const struct cw_cli *cli, const char *fmt, ...)
{
    va_list ap;

    if (cli->quiet || cli->json)
        return;
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
    fflush(stdout);
}

void cw_cli_warn(const struct cw_cli *cli, const char *fmt, ...)
{
    va_list ap;

    fflush(stdout);
    fprintf(stderr, "%s: warning: ", cli->program->name);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fputc('\n', stderr);
}

int cw_cli_json(const struct cw_cli *cli, const json_t *doc, struct cw_err *err)
{
    CW_AUTO_BUF text = CW_BUF_INIT(JSON_OUT_MAX);
    int rc;

    if (!cli->json)
        return CW_OK;
    rc = cw_json_format(&text, doc, err);
    if (rc != CW_OK)
        return rc;
    if (fwrite(text.data, 1, text.len, stdout) != text.len || fflush(stdout) != 0)
        return cw_err_set(err, CW_E_FAIL, "unable to write to standard output");
    json_written = true;
    return CW_OK;
}

void cw_say_error(const struct cw_cli *cli, const struct cw_err *err)
{
    fflush(stdout);
    fprintf(stderr, "%s: %s\n", cli->program->name, err->text);
    if (cli->json && !json_written) {
        json_auto_t *doc = json_pack("{s:s%, s:i}", "error", err->text, strlen(err->text), "code",
                                     cw_err_exit_code(err->code));

        if (doc == NULL) /* a text that is not UTF-8, or no memory */
            doc = json_pack("{s:s, s:i}", "error", "see standard error", "code", cw_err_exit_code(err->code));
        if (doc != NULL)
            (void)cw_cli_json(cli, doc, NULL);
    }
}
