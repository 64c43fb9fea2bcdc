/* conf - the configuration of an instance, read once, then never changed
 *
 * A struct conf is one consistent reading of main.cf (and of a service's -o
 * overrides).  Every parameter that exists is listed in parameters.tsv; from it the build
 * makes parameter_list.h with one constant P_name per parameter, so a misspelt
 * name does not compile.  Values are expanded and checked at load, so the getters
 * cannot fail.  A reload makes a new struct conf.
 *
 * Source: postconf(5), master(5) of Postfix 3.x.
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include "base/error.h"
#include "base/str.h"
#include "net/address.h"

#include <stdint.h>

#include "parameter_list.h" /* enum parameter { P_2bounce_notice_recipient, ... P_COUNT } */

struct conf;

/* What the reader found worth telling; each with file:line in .place. */
struct conf_notes {
    size_t n;
    struct error *items;
};

/* Read DIRECTORY/main.cf.  OVERRIDES are "name=value" texts (from -o), N of them, and
 * win. False with *E (place set) when the file cannot be used.  Unknown parameters are
 * not errors here (they may be the user's own, used as $name); see conf_check.h. */
bool conf_load(const char *directory, const char *const *overrides, size_t n,
               struct conf **out, struct error *e) MUST_CHECK;
/* The same with TEXT in place of the file: tests, and "" gives the defaults. */
bool conf_load_text(const char *directory, struct view text, const char *const *overrides,
                    size_t n, struct conf **out, struct error *e) MUST_CHECK;
/* As conf_load, but values that cannot be used are taken as they are written, with one
 * note each: for postconf and `diligence check`, which show what is wrong. */
bool conf_load_lenient(const char *directory, const char *const *overrides, size_t n,
                       struct conf **out, struct error *e) MUST_CHECK;
void conf_free(struct conf *c);
const char *conf_directory(const struct conf *c);
/* The text of main.cf that C is a reading of. */
struct view conf_source(const struct conf *c);

/* The expanded value.  Views and C strings live as long as C. */
struct view conf_view(const struct conf *c, enum parameter p);
const char *conf_cstr(const struct conf *c, enum parameter p);
bool conf_bool(const struct conf *c, enum parameter p);
int64_t conf_int(const struct conf *c, enum parameter p);
/* Time parameters, in microseconds. */
int64_t conf_time(const struct conf *c, enum parameter p);
/* Was it given in main.cf or by -o? */
bool conf_is_set(const struct conf *c, enum parameter p);
/* Enumerations: the place of the value among the choices in parameters.tsv, from 0. */
int conf_choice(const struct conf *c, enum parameter p);

/* "NAME_destination_concurrency_limit" and the 18 others of its kind: the value for
 * transport TRANSPORT if it has its own, else that of the default parameter P. */
int64_t conf_transport_int(const struct conf *c, struct view transport, enum parameter p);
int64_t conf_transport_time(const struct conf *c, struct view transport,
                            enum parameter p);
struct view conf_transport_view(const struct conf *c, struct view transport,
                                enum parameter p);

/* Any name, also the user's own ($my_thing); empty when unknown; *FOUND may be NULL. */
struct view conf_named(const struct conf *c, struct view name, bool *found);
/* Expand $name, ${name?a:b}, ${name:b}, comparisons, in TEXT with this configuration.
 * LOOKUP, when not NULL, is asked first for names that are not parameters (pipe macros
 * and the like). */
typedef bool conf_lookup_fn(struct view name, struct str *out, void *arg);
bool conf_expand(const struct conf *c, struct view text, conf_lookup_fn *lookup,
                 void *arg, struct str *out, struct error *e) MUST_CHECK;

/* smtpd_restriction_classes and other dynamic names: conf_named. */

/* Elements of a list value: separated by commas and white space, where { } keep what is
 * inside together, also in the middle of an element ("hash:/a, inline:{a=b, c=d} x").
 * Takes the first element from *REST; false at the end. */
bool conf_list_next(struct view *rest, struct view *element);
/* The same with other separators. */
bool conf_token(struct view *rest, struct view separators, struct view *token);

/* What main.cf and -o say, as written, in the order of the file (a later entry of the
 * same name has replaced the earlier one). */
struct conf_entry {
    struct view name, raw;
    enum parameter parameter; /* P_COUNT: a name of the user's own */
    unsigned line;            /* in main.cf; 0 for -o */
};
size_t conf_entry_count(const struct conf *c);
const struct conf_entry *conf_entry(const struct conf *c, size_t i);
/* As written, or the default as written, with what this machine gives (mynetworks ...).
 */
struct view conf_raw(const struct conf *c, enum parameter p);
/* What the reader noticed: entries that override earlier ones, lines passed over. */
const struct conf_notes *conf_load_notes(const struct conf *c);

/* This host's own addresses as far as inet_interfaces and inet_protocols name them, and
 * the length of their networks' prefixes.  Asks the system (and the DNS for names in
 * inet_interfaces) on first use, then remembers. */
struct conf_interface {
    struct net_address address;
    unsigned bits;
};
const struct conf_interface *conf_interfaces(const struct conf *c, size_t *n);

struct view conf_queue_directory(const struct conf *c);

#endif
