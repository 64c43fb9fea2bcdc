/* module - loadable clients of tables: table_TYPE.so beside the programs
 *
 * So that a program needs the libraries of MySQL, PostgreSQL and LDAP only where such a
 * table is used, and a package of its own can bring them.  Looked for in
 * libexec/diligence/tables, found from the executable's own place; in the build tree, in
 * lib/table/modules.  Source: the idea of dynamicmaps.cf of Postfix, without the file.
 */
#include "table/network.h"

#include <dlfcn.h>
#include <unistd.h>

enum { PATH_BYTES = 4096 };

/* The directory of this executable; "" when it is not known. */
static const char *own_directory(void)
{
    static char path[PATH_BYTES];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);

    path[n > 0 ? n : 0] = '\0';
    char *slash = strrchr(path, '/');
    if (slash)
        *slash = '\0';
    return path;
}

/* The path of the module for TYPE in *PATH; false when there is none. */
static bool find_module(const char *type, struct str *path)
{
    static const char *const places[] = {
        "/tables", "/../libexec/diligence/tables", "/../../libexec/diligence/tables",
        "/../lib/diligence/tables", "/../../lib/table/modules"};
    const char *own = own_directory();

    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        str_setf(path, "%s%s/table_%s.so", own, places[i], type);
        if (access(str_cstr(path), R_OK) == 0)
            return true;
    }
    return false;
}

/* What PATH exports; NULL with *E. */
static const struct table_client *open_module(const char *path, const char *type,
                                              struct error *e)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    const struct table_client *client = handle ? dlsym(handle, "table_client") : NULL;

    if (client == NULL) {
        const char *why = dlerror();
        error_set(e, "4.3.5", "load %s: %s", path, why ? why : "no table_client");
        return NULL;
    }
    if (client->version != CLIENT_VERSION || strcmp(client->name, type) != 0) {
        error_set(e, "4.3.5", "load %s: made for another release", path);
        return NULL;
    }
    return client;
}

const struct table_client *module_load(const char *type, struct error *e)
{
    static const struct table_client *loaded[8];
    size_t n = 0;

    for (; n < sizeof loaded / sizeof loaded[0] && loaded[n]; n++)
        if (strcmp(loaded[n]->name, type) == 0)
            return loaded[n];
    struct str path = STR_INIT(PATH_BYTES);
    const struct table_client *client = NULL;
    if (!find_module(type, &path))
        error_set(e, "4.3.5",
                  "tables of type \"%s\" need the module table_%s.so, which is not "
                  "installed",
                  type, type);
    else if (n < sizeof loaded / sizeof loaded[0])
        client = loaded[n] = open_module(str_cstr(&path), type, e);
    str_done(&path);
    return client;
}
