/* copy - a message's content on its way into a mailbox or a command
 *
 * Content has LF line ends.  A filter changes the line ends, puts ">" in front of "From "
 * and
 * "." in front of "." where asked; without any of these it passes pieces on unchanged.
 * Content is read from its descriptor with its own offset, so that several deliveries may
 * read it at the same time.  Used by mbox, local and pipe.
 */
#ifndef STORE_COPY_H
#define STORE_COPY_H

#include "base/error.h"
#include "base/str.h"

#include <stdint.h>

/* Content up to this size is read into memory once for all recipients. */
#define COPY_SMALL ((uint64_t)64 * 1024)
/* Bytes that are read at a time from larger content. */
#define COPY_PIECE ((size_t)64 * 1024)

/* A message's content: in memory, or behind a descriptor (bytes 0 to SIZE). */
struct copy_source {
    int fd;
    uint64_t size;
    struct view memory; /* all of it when p is not NULL */
};
/* Up to N bytes from OFFSET into BUF; the number, 0 at the end, -1 with errno. */
ptrdiff_t copy_source_read(const struct copy_source *s, uint64_t offset, char *buf,
                           size_t n);
/* Write all of SOURCE to FD as it is: false with errno. */
bool copy_source_send(const struct copy_source *s, int fd) MUST_CHECK;
/* Write all of V to FD, which blocks: false with errno. */
bool copy_write_all(int fd, struct view v) MUST_CHECK;

struct copy_filter {
    struct view line_end; /* what ends a line in the output */
    bool quote_from;      /* "From " at the start of a line becomes ">From " */
    bool stuff_dots;      /* "." at the start of a line becomes ".." */
    bool blank_end;       /* an empty line after the last one */
    /* private */
    char held[5]; /* the start of a line that may yet become "From " */
    size_t n_held;
    bool in_line; /* behind the start of a line */
};
void copy_filter_init(struct copy_filter *f, struct view line_end);
/* Append what becomes of IN to OUT; false when OUT is full. Room for three times IN plus
 * 16 bytes always suffices with a line end of one or two bytes. */
bool copy_filter_add(struct copy_filter *f, struct view in, struct str *out) MUST_CHECK;
/* The end: an unfinished line is ended. */
bool copy_filter_end(struct copy_filter *f, struct str *out) MUST_CHECK;

#endif
