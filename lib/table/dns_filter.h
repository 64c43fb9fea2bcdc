/* dns_filter - a table that drops DNS answers: smtpd_dns_reply_filter and its kin */
#ifndef TABLE_DNS_FILTER_H
#define TABLE_DNS_FILTER_H

#include "table/table.h"

/* From here on the tables that P names see each answer of this process; empty: none does.
 * "IGNORE" drops it.  The tables stay open to the end of the process. */
void dns_filter_use(const struct conf *c, enum parameter p);

#endif
