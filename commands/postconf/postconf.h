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
    int mode; /* 'p' main.cf, 'M', 'F', 'P' master.cf; the letters of the lists; 0: 'p' */
    bool defaults, set_only, expand, fold, no_names, no_values, json, quiet;
    bool class_builtin, class_service, class_user;
    enum edit_kind edit;
    const char *tls_question; /* -T */
    const char **overrides;   /* -o */
    size_t n_overrides;
    char **names; /* arguments */
    size_t n_names;
    struct arena *arena;
};

/* --- options.c --- */
/* The command line; ends the program with Postfix's words when it makes no sense. */
void options_parse(struct options *o, int argc, char **argv);

/* --- print.c --- */
/* One setting as the options want it: "name = value", folded, without name ... */
void print_setting(const struct options *o, struct view name, struct view value);
/* {"NAME": "VALUE"} on a line of its own; RFC 8259.  Bytes that are no UTF-8 become '?'.
 */
void print_json(struct view name, struct view value);

/* --- show.c --- */
int show_main(const struct options *o);

/* --- other.c: what Postfix can, apart from its files --- */
int show_table_types(void);
int show_locks(void);
/* CLIENT: of the SMTP client, else of the server. */
int show_sasl_types(bool client);
int show_templates(const struct options *o, bool raw);
int show_tls(const struct options *o);

/* --- unused.c --- */
/* Warn of names in main.cf (C) and master.cf that nothing reads, as Postfix does, with
 * the name that was probably meant. */
void warn_unused(const struct options *o, const struct conf *c);

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
/* The configuration as service M sees it: its settings, $service_name and $process_name.
 * The caller frees it. */
struct conf *master_entry_conf(const struct options *o, const struct master_entry *m);
/* "name=value" of the arguments; false when argument I starts no such pair.  *USED is how
 * many arguments it takes. */
bool master_override_at(const struct master_entry *m, size_t i, struct view *name,
                        struct view *value, size_t *used);
int show_services(const struct options *o);
int show_fields(const struct options *o);
int show_parameters(const struct options *o);
int edit_master(const struct options *o);

/* --- why.c --- */
/* --why: print what is known of N parameters; the exit status. */
int show_why(char *const *names, size_t n);

#endif
