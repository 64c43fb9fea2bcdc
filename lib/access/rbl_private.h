/* rbl_private - what the files of the DNS lists share */
#ifndef ACCESS_RBL_PRIVATE_H
#define ACCESS_RBL_PRIVATE_H

#include "access/internal.h"

/* Somebody is listed. */
struct rbl_answer {
    struct access_run *run;
    struct view list;   /* as written: "zone" or "zone=pattern" */
    struct view what;   /* the address or name that is listed */
    struct view reason; /* the list's TXT record */
    const char *class;
    enum access_stage about;
};

/* Refuse with the reply that belongs to the list. */
enum access_says rbl_refuse(const struct rbl_answer *r);

#endif
