/* table_test_help - a directory with files, a configuration and a caught log for tests */
#ifndef TABLE_TABLE_TEST_HELP_H
#define TABLE_TABLE_TEST_HELP_H

#include "base/log.h"
#include "table/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct room {
    char directory[64];
    struct conf *conf;
    struct arena *arena;
};

/* A new directory with main.cf as in TEXT; log lines are caught from now on. */
struct room *room_open(const char *text);
/* Remove all. */
void room_close(struct room *r);
/* Write DIRECTORY/NAME. */
void room_write(struct room *r, const char *name, const char *text);
/* "DIRECTORY/NAME" in the room's arena. */
const char *room_path(struct room *r, const char *name);
/* SPEC with "@" replaced by the directory and a slash. */
struct view room_spec(struct room *r, const char *spec);
/* How many caught lines hold TEXT. */
unsigned room_logged(const char *text);
void room_forget_log(void);

/* Open SPEC, look KEY up: the value, "-" for not found, "!" for an error. */
const char *room_get(struct room *r, const char *spec, unsigned flags, const char *key);

#endif
