/* postmulti - what the files of postmulti share; not for others
 *
 * main.c: the command line.  instances.c: who there is.  iterate.c: -l, -p, -x.
 * life.c: -e.  files.c: the files of an instance.
 */
#ifndef POSTMULTI_POSTMULTI_H
#define POSTMULTI_POSTMULTI_H

#include "base/arena.h"
#include "conf/conf.h"

struct instance {
    const char *directory; /* with its main.cf */
    const char *name;      /* "" when nameless */
    const char *group;
    const char *queue, *data;
    bool is_enabled, is_primary;
    bool is_alone; /* no others: as good as enabled */
};

struct instances {
    struct arena *arena;
    struct conf *primary; /* of the first */
    struct instance *items;
    size_t n;
};

enum selection { SELECT_ALL, SELECT_GROUP, SELECT_NAME };

struct request {
    int mode; /* 'e', 'l', 'p', 'x' */
    const char *action;
    enum selection selection;
    bool is_selected;                 /* one of -a, -g, -i was given */
    const char *wanted;               /* group or name */
    const char *new_name, *new_group; /* -I, -G; NULL: as it is */
    bool reverse, json;
    char **arguments;
    size_t n_arguments;
};

/* --- instances.c --- */
/* The primary instance and those in its multi_instance_directories, in that order; ends
 * the program when one cannot be read or two share a name or a directory. */
void instances_load(struct instances *all);
bool instance_fits(const struct instance *i, const struct request *r);
bool is_word_of(struct view list, struct view word);

/* --- iterate.c --- */
int iterate(const struct instances *all, const struct request *r);
/* Run ARGV with what describes I in the environment; its exit status. */
int run_for(const struct instances *all, const struct instance *i, char *const *argv);

/* --- life.c --- */
int change(struct instances *all, const struct request *r);

/* --- files.c --- */
/* postconf -e for main.cf in DIRECTORY; SETTINGS end with NULL.  Ends the program when it
 * fails. */
void edit_main_cf(const struct instances *all, const char *directory,
                  const char *const *settings);
/* Make the directories and files of I that are not there. */
void create_files(const struct instances *all, const struct instance *i);
/* Take away what create_files and the mail system made; warns of what stays. */
void remove_files(const struct instance *i);

#endif
