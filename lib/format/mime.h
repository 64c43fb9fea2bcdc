/* mime - follow the MIME structure of a message, line by line
 *
 * Lines go in; events come out: headers (whole, with their continuation lines),
 * the end of a header block, body lines, boundaries.  Headers of the message
 * itself, of its parts and of attached messages are told apart, as
 * header_checks, mime_header_checks and nested_header_checks need it.  With
 * MIME_DOWNGRADE 8-bit parts leave as quoted-printable.
 *
 * Bounded: nesting, header size and boundary length; no recursion.  Suspends
 * only if a callback does.  RFC 2045, RFC 2046 5.1 and 5.2.
 */
#ifndef FORMAT_MIME_H
#define FORMAT_MIME_H

#include "base/str.h"
#include "base/view.h"
#include "header.h"

enum mime_option {
    MIME_DISABLE = 1 << 0,            /* headers, then body; look at nothing else */
    MIME_REPORT_8BIT_BODY = 1 << 1,   /* strict_8bitmime_body */
    MIME_REPORT_8BIT_HEADER = 1 << 2, /* strict_7bit_headers */
    MIME_REPORT_ENCODING = 1 << 3,    /* strict_mime_encoding_domain */
    MIME_REPORT_LONG_HEADER = 1 << 4, /* a header passed header_limit */
    MIME_REPORT_NESTING = 1 << 5,     /* nesting_limit passed */
    MIME_DOWNGRADE = 1 << 6,          /* 8bit and binary parts become quoted-printable */
    MIME_REPORT_HEADER_END = 1 << 7,  /* text follows the primary header at once */
};

/* Also bits: several can be set for one message. */
enum mime_fault {
    MIME_FAULT_NESTING = 1 << 0,
    MIME_FAULT_LONG_HEADER = 1 << 1,
    MIME_FAULT_8BIT_HEADER = 1 << 2,
    MIME_FAULT_8BIT_BODY = 1 << 3,
    MIME_FAULT_ENCODING = 1 << 4,
    MIME_FAULT_HEADER_END = 1 << 5,
};
/* Status ("5.6.0") and text of the gravest bit set, as Postfix replies it. */
struct mime_fault_detail {
    const char *status, *text;
};
struct mime_fault_detail mime_fault_detail(unsigned faults);

enum mime_class {
    MIME_PRIMARY,   /* header of the message */
    MIME_MULTIPART, /* header of a part */
    MIME_NESTED,    /* header of an attached message */
};

struct mime_limits {
    size_t nesting;  /* mime_nesting_limit, 100; the outermost two are free */
    size_t boundary; /* mime_boundary_length_limit, 2048: bytes compared */
    size_t header;   /* header_size_limit, 102400: bytes kept of one header */
};
#define MIME_LIMITS_DEFAULT ((struct mime_limits){100, 2048, 102400})

/* Every member may be NULL.  OFFSET counts input bytes (with LF) from the end
 * of the primary header, as Postfix's body offsets do; 0 in the primary header. */
struct mime_events {
    /* One logical header: LF between its lines, none at the end. */
    void (*header)(void *context, enum mime_class class, const struct header_type *type,
                   struct view text, size_t offset);
    /* The primary header ended (once; before the blank line is reported). */
    void (*header_end)(void *context);
    /* A line that is not a header: body text, the blank line after a header,
     * boundary lines, preamble and epilogue.  LINE has no line end; LAST is
     * false when more of the same line follows. */
    void (*body)(void *context, struct view line, bool last, size_t offset);
    /* A boundary line was recognised; its body event follows at once.  CLOSING
     * for "--boundary--"; DEPTH is 1 for the outermost multipart. */
    void (*boundary)(void *context, struct view line, bool closing, size_t depth);
    /* The message ended. */
    void (*end)(void *context);
    /* A fault was met for the first time (only those asked for by options).
     * TEXT is the part of the input that shows it. */
    void (*fault)(void *context, enum mime_fault fault, struct view text);
};

struct mime;
/* EVENTS is copied. */
struct mime *mime_new(unsigned options, const struct mime_limits *limits,
                      const struct mime_events *events, void *context)
    __attribute__((returns_nonnull));
void mime_free(struct mime *m);
/* One line without line end, or a piece of one (LAST false, more follows).
 * Gives the faults met so far. */
unsigned mime_line(struct mime *m, struct view line, bool last);
/* Lines with LF in any chunking; convenience over mime_line(). */
unsigned mime_feed(struct mime *m, struct view chunk);
/* No more input: gives out what is held back, then the end event. */
unsigned mime_end(struct mime *m);

/* What a Content-Type says.  Views into the body that was parsed, or into
 * BUFFER for quoted values. */
struct content_type {
    struct view type, subtype; /* as written; "" when malformed */
    struct view boundary, charset, name, report_type, format;
};
/* Parse the body of a Content-Type header; BUFFER takes unquoted values and
 * must outlive T.  False: no type/subtype at its front. */
bool content_type_parse(struct view body, struct str *buffer, struct content_type *t);
bool content_type_is(const struct content_type *t, const char *type, const char *subtype);
/* The value of parameter NAME in the body of Content-Type or
 * Content-Disposition (RFC 2183), unquoted and appended to OUT. */
bool mime_parameter(struct view body, struct view name, struct str *out);

/* The pieces that these are made of, for who needs all parameters as written. */
struct mime_parameter_view {
    struct view name, raw; /* views of the body; RAW without its quotes */
    bool escaped;          /* RAW holds backslashes or line ends: see mime_unescape */
};
/* Take ";name=value" from the front of *REST (what stands before it is
 * skipped); malformed ones are left out.  False at the end. */
bool mime_next_parameter(struct view *rest, struct mime_parameter_view *p);
/* Append RAW without backslashes and line ends. */
bool mime_unescape(struct view raw, struct str *out);
/* Take blanks and comments, then a run without blanks and tspecials (RFC 2045
 * 5.1); "" when none is there. */
struct view mime_take_token(struct view *rest);

enum mime_encoding {
    MIME_ENCODING_7BIT,
    MIME_ENCODING_8BIT,
    MIME_ENCODING_BINARY,
    MIME_ENCODING_QUOTED_PRINTABLE,
    MIME_ENCODING_BASE64,
    MIME_ENCODING_UNKNOWN
};
enum mime_encoding mime_encoding_parse(struct view body);

#endif
