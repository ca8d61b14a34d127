/* SPDX-License-Identifier: ISC */
/*
 * dlopen, all symbols looked up at once, so that none can be missing later.
 */
#include "base/dynlib.h"

#include <dlfcn.h>
#include <string.h>

static int look_up(const struct cw_dynlib *lib, void *handle, struct cw_err *err)
{
    for (size_t i = 0; i < lib->count; i++) {
        void *symbol = dlsym(handle, lib->symbols[i].name);

        if (symbol == NULL)
            return cw_err_set(err, CW_E_FAIL,
                              "library '%s' is not the one that this was built for: it has no %s()",
                              lib->soname, lib->symbols[i].name);
        memcpy(lib->symbols[i].slot, &symbol, sizeof symbol);
    }
    return CW_OK;
}

static int load(struct cw_dynlib *lib, struct cw_err *err)
{
    void *handle = dlopen(lib->soname, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    int rc;

    if (handle == NULL)
        return cw_err_set(err, CW_E_FAIL, "unable to load library '%s' (%s); is its package installed?",
                          lib->soname, dlerror());
    rc = look_up(lib, handle, err);
    if (rc != CW_OK)
        dlclose(handle);
    else
        lib->loaded = true;
    return rc;
}

int cw_dynlib_load(struct cw_dynlib *lib, struct cw_err *err)
{
    int rc = CW_OK;

    pthread_mutex_lock(&lib->lock);
    if (!lib->loaded)
        rc = load(lib, err);
    pthread_mutex_unlock(&lib->lock);
    return rc;
}
