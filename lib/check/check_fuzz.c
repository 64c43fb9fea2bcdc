/* check_fuzz - tables of all kinds with any text in them */
#include "check/check.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char directory[] = "/tmp/check_fuzz.XXXXXX";

#define MAIN_CF                                                                          \
    "compatibility_level = 3.6\nmyhostname = a.example\n"                                \
    "alias_maps = hash:$config_directory/table\n"                                        \
    "virtual_alias_maps = texthash:$config_directory/table\n"                            \
    "transport_maps = hash:$config_directory/table\n"                                    \
    "header_checks = regexp:$config_directory/table\n"                                   \
    "body_checks = pcre:$config_directory/table\n"                                       \
    "smtpd_client_restrictions = check_client_access cidr:$config_directory/table\n"

static void write_file(const char *name, const void *p, size_t n)
{
    char path[64];

    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *f = fopen(path, "w");
    if (!f || (n > 0 && fwrite(p, n, 1, f) != 1) || fclose(f) != 0)
        abort();
}

static void remove_files(void)
{
    static const char *const names[] = {"main.cf", "master.cf", "table"};
    char path[64];

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        snprintf(path, sizeof path, "%s/%s", directory, names[i]);
        (void)unlink(path);
    }
    (void)rmdir(directory);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool is_ready;

    if (!is_ready) {
        if (!mkdtemp(directory))
            abort();
        (void)atexit(remove_files);
        write_file("main.cf", MAIN_CF, sizeof MAIN_CF - 1);
        write_file("master.cf", "", 0);
        is_ready = true;
    }
    write_file("table", data, size);
    struct check_request request = {.directory = directory};
    struct check_findings findings;
    struct arena *a = arena_new();
    check_configuration(&request, a, &findings);
    for (size_t i = 0; i < findings.n; i++)
        (void)check_finding_text(&findings.items[i], a);
    arena_free(a);
    return 0;
}
