/* table_test_help - a directory with files, a configuration and a caught log for tests */
#include "table/table_test_help.h"

#include "base/memory.h"

#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

static char log_text[65536];

static void catch_line(enum log_level level, const char *text)
{
    size_t n = strlen(log_text);

    (void)level;
    snprintf(log_text + n, sizeof log_text - n, "%s\n", text);
}

unsigned room_logged(const char *text)
{
    unsigned n = 0;

    for (const char *p = log_text; (p = strstr(p, text)) != NULL; p++)
        n++;
    return n;
}

void room_forget_log(void)
{
    log_text[0] = '\0';
}

struct room *room_open(const char *text)
{
    struct room *r = NEW(struct room);
    struct error e = ERROR_INIT;

    snprintf(r->directory, sizeof r->directory, "/tmp/table_test.XXXXXX");
    assert_non_null(mkdtemp(r->directory));
    r->arena = arena_new();
    if (!conf_load_text(r->directory, view_of(text), NULL, 0, &r->conf, &e))
        fail_msg("%s", error_cstr(&e));
    room_forget_log();
    log_set_hook(catch_line);
    return r;
}

void room_close(struct room *r)
{
    DIR *d = opendir(r->directory);
    struct dirent *entry;

    while (d && (entry = readdir(d)) != NULL)
        if (entry->d_name[0] != '.')
            unlink(room_path(r, entry->d_name));
    if (d)
        closedir(d);
    rmdir(r->directory);
    conf_free(r->conf);
    arena_free(r->arena);
    memory_free(r);
    log_set_hook(NULL);
}

const char *room_path(struct room *r, const char *name)
{
    return arena_printf(r->arena, "%s/%s", r->directory, name).p;
}

void room_write(struct room *r, const char *name, const char *text)
{
    FILE *f = fopen(room_path(r, name), "w");

    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
}

struct view room_spec(struct room *r, const char *spec)
{
    struct str out = STR_INIT(1000);
    struct view v;

    for (; *spec; spec++) {
        if (*spec == '@')
            str_addf(&out, "%s/", r->directory);
        else
            str_add_char(&out, *spec);
    }
    v = arena_dup(r->arena, str_view(&out));
    str_done(&out);
    return v;
}

const char *room_get(struct room *r, const char *spec, unsigned flags, const char *key)
{
    struct table *t = table_open(r->conf, room_spec(r, spec), flags);
    struct error e = ERROR_INIT;
    struct view value;
    enum table_result result = table_get(t, view_of(key), r->arena, &value, &e);

    table_close(t);
    switch (result) {
    case TABLE_FOUND:
        return value.p;
    case TABLE_NOT_FOUND:
        return "-";
    case TABLE_ERROR:
        break;
    }
    if (!error_is_set(&e))
        fail_msg("an error without a text");
    return "!";
}
