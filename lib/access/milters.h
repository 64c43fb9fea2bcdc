/* milters - which milters an SMTP session has, what they hear of it, what they decide
 *
 * smtpd_milters and smtpd_milter_maps.  Nothing here knows a session: the facts come as a
 * struct access_subject, so that the server and `diligence explain` ask in the same way.
 * Source: MILTER_README, smtpd(8).
 */
#ifndef ACCESS_MILTERS_H
#define ACCESS_MILTERS_H

#include "access/access.h"
#include "milter/milter.h"

struct access_milters; /* of one configuration; without any for "no_milters" */
/* NULL with *E: the list is bad. */
struct access_milters *access_milters_new(const struct conf *c, struct error *e);
void access_milters_free(struct access_milters *m); /* NULL is fine */

/* Those of the client of F into *LIST, NULL or empty: none (as when M is NULL).  What
 * smtpd_milter_maps gives is in *OWN, which the caller frees behind its use; else NULL.
 * False: the table or its value is bad, which was logged.  May suspend. */
bool access_milters_choose(const struct access_milters *m, const struct access_subject *f,
                           struct arena *a, const struct milter_list **list,
                           struct milter_list **own);

/* Tell M of the client of F. May suspend. */
struct milter_reply access_milters_connect(struct milters *m,
                                           const struct access_subject *f,
                                           struct arena *a);
/* The reply that R makes; empty: the command goes on. */
struct view access_milter_text(struct milter_reply r);
/* What the client HOST's server greets with in place of 220, in A, when the milters said
 * TEXT of the connection; empty: they let it in, for now. */
struct view access_milter_greeting(struct view text, struct view host, struct arena *a);

/* Do EFFECTS throw the message away?  Then milters hear no more of it. */
bool access_is_discarded(const struct access_effect *effects);

/* What macros tell. */
struct access_milter_facts {
    const struct access_subject *subject;
    struct rewrite *rewrite;
    struct view recipient; /* that is told of; empty: none */
    struct view refusal;   /* of it, by the server; empty: none */
};
/* The value of macro NAME, as milter_macro_fn has it.  May suspend. */
bool access_milter_macro(const struct access_milter_facts *facts, struct view name,
                         struct str *value);

#endif
