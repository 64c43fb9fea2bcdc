/* store_test_help - a place for mailboxes in a temporary directory, and a fiber to test
 * in */
#ifndef STORE_STORE_TEST_HELP_H
#define STORE_STORE_TEST_HELP_H

#include "store/mailbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum { HELP_PATH = 500 };
extern char help_root[64]; /* the temporary directory, fresh for each test */
extern struct place help_place;

/* cmocka's set-up and tear-down: the directory and the loop. */
int help_set_up(void **state);
int help_tear_down(void **state);
/* Run TEST in a fiber, to its end; then close what lingers. */
void help_run(void (*test)(void));
/* Fail with E's text unless R is STORE_OK. */
void help_ok(enum store_result r, const struct error *e);
#define CHECK_OK(call) help_ok((call), &e)

void help_write(const char *path, const char *text); /* below the root */
void help_read(const char *path, char *out, size_t size);
bool help_exists(const char *path);
/* The number of files in a directory below the root. */
size_t help_count(const char *path);
/* One message into B by APPEND; its UID. */
uint32_t help_append(struct mailbox *b, const char *text, uint32_t flags,
                     const char *keywords);
/* The only name in directory PATH that starts with PREFIX. */
void help_name(const char *path, const char *prefix, char *out, size_t size);

#endif
