/* lines - logical lines of main.cf, master.cf and table files
 *
 * A logical line is a line that starts with text and the lines behind it that start with
 * white space.  Empty lines and lines whose first byte that is no white space
 * is '#' are passed over, inside a continued line too.  Line ends go away, the white
 * space of continuations stays.  Nothing here suspends.  Source: postconf(5), postmap(1).
 */
#ifndef CONF_LINES_H
#define CONF_LINES_H

#include "base/error.h"
#include "base/str.h"

/* Longest logical line; what is longer is an error. */
#define LINES_MAX ((size_t)4 << 20)
/* Largest file that lines_read_file takes. */
#define LINES_FILE_MAX ((size_t)1 << 30)

struct lines {
    struct view rest;
    unsigned number;   /* of the last physical line that was taken */
    struct str joined; /* a line that is made of several */
};

struct line {
    struct view text;       /* valid until the next call */
    unsigned first, last;   /* physical lines, from 1 */
    bool starts_with_space; /* nothing to continue: no reader accepts such a line */
    bool too_long;          /* over LINES_MAX; the text is cut */
};

/* TEXT must live until lines_done. */
void lines_init(struct lines *l, struct view text);
void lines_done(struct lines *l);
/* False at the end. */
bool lines_next(struct lines *l, struct line *out);

/* All of the file at PATH into OUT (whose limit holds).  Blocks on the disk. */
bool lines_read_file(const char *path, struct str *out, struct error *e) MUST_CHECK;
/* The same from a descriptor, which stays open. */
bool lines_read_fd(int fd, struct str *out, struct error *e) MUST_CHECK;

#endif
