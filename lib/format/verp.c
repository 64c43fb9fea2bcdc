/* verp - variable envelope return paths: a sender that names the recipient
 */
#include "format/verp.h"

bool verp_delimiters_are_valid(struct view delimiters, struct view allowed)
{
    return delimiters.n == 2 && view_has(allowed, delimiters.p[0]) &&
           view_has(allowed, delimiters.p[1]);
}

/* ADDRESS at its last "@"; all of it is LOCAL when there is none. */
static void split(struct view address, struct view *local, struct view *domain)
{
    if (view_rcut(address, '@', local, domain))
        return;
    *local = address;
    *domain = VIEW_NONE;
}

bool verp_sender(struct view sender, struct view recipient, struct view delimiters,
                 struct str *out)
{
    struct view local, domain, user, host;
    split(sender, &local, &domain);
    split(recipient, &user, &host);
    str_add(out, local);
    str_add_char(out, delimiters.p[0]);
    str_add(out, user);
    if (host.n > 0) {
        str_add_char(out, delimiters.p[1]);
        str_add(out, host);
    }
    if (domain.n > 0) {
        str_add_char(out, '@');
        str_add(out, domain);
    }
    return !out->overflow;
}
