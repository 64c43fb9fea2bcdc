/* postconf - what the files of postconf share; not for others */
#ifndef POSTCONF_POSTCONF_H
#define POSTCONF_POSTCONF_H

#include "base/arena.h"
#include "conf/conf.h"
#include "conf/master_cf.h"

enum edit_kind { EDIT_NONE, EDIT_SET, EDIT_COMMENT_OUT, EDIT_REMOVE };

struct options {
    const char *directory;
    bool directory_given;
    bool defaults, set_only, expand, fold, no_names, no_values;
    bool class_builtin, class_service, class_user;
    enum edit_kind edit;
    const char **overrides; /* -o */
    size_t n_overrides;
    char **names; /* arguments */
    size_t n_names;
    struct arena *arena;
};

/* --- print.c --- */
/* One setting as the options want it: "name = value", folded, without name ... */
void print_setting(const struct options *o, struct view name, struct view value);
/* TEXT with its white space made single, folded behind 70 columns when the options say
 * so; COLUMN is where the line stands. */
void print_words(const struct options *o, struct view text, size_t column);

/* --- show.c --- */
int show_main(const struct options *o);
int show_tables_types(void);

/* --- edit.c --- */
int edit_main(const struct options *o);
/* Replace the file at PATH by TEXT, keeping owner and permissions; ends the program when
 * it cannot. */
void replace_file(const char *path, struct view text);

/* --- master.c, master_edit.c --- */
enum master_column {
    COLUMN_SERVICE,
    COLUMN_TYPE,
    COLUMN_PRIVATE,
    COLUMN_UNPRIVILEGED,
    COLUMN_CHROOT,
    COLUMN_WAKEUP,
    COLUMN_PROCESS_LIMIT,
    COLUMN_COMMAND,
    N_COLUMNS
};
/* A service as it is written. */
struct master_entry {
    struct view column[N_COLUMNS];
    struct view *args; /* "-o" and "name=value" are two */
    size_t n_args;
};
/* A logical line of master.cf; ends the program with PATH:LINE when it is malformed. */
struct master_entry master_entry_parse(struct arena *a, const char *path, unsigned line,
                                       struct view text);
/* All entries of DIRECTORY/master.cf. */
struct master_entry *master_entries(const struct options *o, size_t *n);
void master_entry_print(const struct options *o, const struct master_entry *m,
                        struct str *out);
const char *master_column_name(enum master_column column);
/* Does "service/type[/more]" fit, parts missing or "*" fitting all? */
bool master_pattern_fits(struct view pattern, const struct master_entry *m,
                         struct view third);
/* "name=value" of the arguments; false when argument I starts no such pair.  *USED is how
 * many arguments it takes. */
bool master_override_at(const struct master_entry *m, size_t i, struct view *name,
                        struct view *value, size_t *used);
int show_services(const struct options *o);
int show_fields(const struct options *o);
int show_parameters(const struct options *o);
/* MODE is 'M', 'F' or 'P'. */
int edit_master(const struct options *o, int mode);

#endif
