/* parameter - what is known about each main.cf parameter
 *
 * The table is made at build time from parameters.tsv, which is the one place
 * where a parameter is declared.  Used by the reader, conf_check, postconf and
 * the manual.
 */
#ifndef CONF_PARAMETER_H
#define CONF_PARAMETER_H

#include "base/view.h"

#include <stdint.h>

#include "parameter_list.h"

enum parameter_type {
    PARAMETER_STRING, /* expanded text; least 1: must not be empty */
    PARAMETER_BOOL,   /* yes or no */
    PARAMETER_INT,
    PARAMETER_TIME, /* least and greatest in seconds */
    PARAMETER_SIZE, /* bytes; K, M and G may follow the number */
    PARAMETER_ENUM, /* one of the words in choices */
    PARAMETER_RAW,  /* kept as written; its user expands it with names of its own */
    /* Templates "transport_NAME": each stands for one parameter per delivery service. */
    PARAMETER_TRANSPORT_INT,
    PARAMETER_TRANSPORT_TIME,
    PARAMETER_TRANSPORT_STRING
};

enum parameter_state {
    PARAMETER_HONOURED, /* changes behaviour */
    PARAMETER_ACCEPTED, /* without effect, for the reason that its meaning tells */
    PARAMETER_LATER     /* known, not implemented yet; check tells when it is set */
};

struct parameter_info {
    const char *name;
    enum parameter_type type;
    char unit;               /* time: unit of a bare number, one of s m h d w */
    int64_t least, greatest; /* inclusive */
    const char *choices;     /* enum: "host|subnet"; else NULL */
    const char *default_text;
    const char *owner; /* "smtpd(8)" */
    enum parameter_state state;
    const char *meaning; /* a few words */
    enum parameter
        fallback; /* templates: the parameter that rules without one; else P_COUNT */
};

/* Ordered by name, indexed by enum parameter. */
extern const struct parameter_info parameter_table[P_COUNT];

/* Find NAME (case counts); false when there is none. */
bool parameter_find(struct view name, enum parameter *out);
/* The template that fits "TRANSPORT_suffix" with the longest suffix; *TRANSPORT gets
 * what stands for it.  False when none fits or NAME is a parameter itself. */
bool parameter_find_template(struct view name, enum parameter *out,
                             struct view *transport);
/* The template whose fallback is P ("default_destination_recipient_limit"); P_COUNT when
 * none. */
enum parameter parameter_template_of(enum parameter p);
/* The name behind "transport_" of template P: "destination_recipient_limit". */
struct view parameter_suffix(enum parameter p);

#endif
