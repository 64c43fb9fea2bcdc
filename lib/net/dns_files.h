/* dns_files - /etc/hosts and /etc/resolv.conf, read once before the sandbox closes
 *
 * The parsers work on bytes; hosts(5), resolv.conf(5).  Of resolv.conf only the
 * nameserver lines count: names are looked up as they are, without search list, as
 * Postfix does.
 */
#ifndef NET_DNS_FILES_H
#define NET_DNS_FILES_H

#include "base/str.h"
#include "net/address.h"

struct dns_hosts;

struct dns_hosts *dns_hosts_parse(struct view text);
void dns_hosts_free(struct dns_hosts *h);
/* The next address of NAME (any case); false at the end.  Start with *POSITION = 0. */
bool dns_hosts_next(const struct dns_hosts *h, size_t *position, struct view name,
                    struct net_address *out);
/* The first name of the first line with ADDRESS; empty when there is none. */
struct view dns_hosts_name(const struct dns_hosts *h, const struct net_address *address);

/* The next "nameserver" value of a resolv.conf; false at the end.  Advances *REST. */
bool dns_resolv_conf_next(struct view *rest, struct view *nameserver);

/* Append the file to OUT, as far as OUT's limit allows; false with errno when it cannot
 * be read. */
bool dns_file_read(const char *path, struct str *out);

#endif
