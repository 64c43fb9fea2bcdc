/* conf_private - shared by the files of conf; not for others */
#ifndef CONF_CONF_PRIVATE_H
#define CONF_CONF_PRIVATE_H

#include "base/arena.h"
#include "base/hash.h"
#include "conf/conf.h"
#include "conf/parameter.h"

/* Longest value after expansion. */
#define CONF_VALUE_MAX ((size_t)1 << 20)

enum conf_progress { CONF_FRESH, CONF_BUSY, CONF_DONE };

struct conf_value {
    struct view name;
    const struct parameter_info *info; /* NULL: a name of the user's own, without type */
    struct view raw;                   /* as written, or the default */
    struct view text;                  /* expanded, with a NUL behind it */
    int64_t number;
    unsigned line; /* in main.cf; 0: -o or default */
    size_t entry;  /* place in entries + 1; 0 when not set */
    bool is_set;
    enum conf_progress progress;
};

struct conf {
    struct arena *arena;
    const char *directory;
    const char *path; /* of main.cf */
    struct view source;
    struct conf_value values[P_COUNT];
    struct hash *named; /* the user's own names, to struct conf_value */
    struct conf_entry *entries;
    size_t n_entries, cap_entries;
    struct conf_notes notes;
    size_t cap_notes;
    struct conf_interface *interfaces; /* NULL until asked for */
    size_t n_interfaces;
    bool lenient; /* bad values are noted, not refused */
    int depth;    /* of references while expanding */
};

/* Expand and check V, and what it refers to.  *E with place. */
bool conf_resolve(struct conf *c, struct conf_value *v, struct error *e) MUST_CHECK;
/* Append what NAME stands for; the expand_name_fn with a struct conf as ARG. */
bool conf_append(struct view name, struct str *out, struct error *e,
                 void *arg) MUST_CHECK;
/* Put NAME = RAW from LINE of main.cf (0: from -o) into C. */
void conf_put(struct conf *c, struct view name, struct view raw, unsigned line);
/* Remember something worth telling. */
void conf_note(struct conf *c, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Defaults that depend on this machine: names and paths. */
void conf_machine_defaults(struct conf *c);
/* Defaults that depend on other values, just before V is expanded. */
bool conf_late_default(struct conf *c, struct conf_value *v, struct error *e) MUST_CHECK;
/* The default of mynetworks, from mynetworks_style and the interfaces. */
bool conf_default_networks(struct conf *c, struct conf_value *v,
                           struct error *e) MUST_CHECK;

#endif
