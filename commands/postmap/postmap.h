/* postmap - what the files of postmap share; not for others */
#ifndef POSTMAP_POSTMAP_H
#define POSTMAP_POSTMAP_H

#include "conf/conf.h"

struct request {
    const struct conf *conf;
    bool aliases;         /* called as postalias */
    unsigned table_flags; /* TABLE_FOLD */
    unsigned build_flags; /* INDEXED_... */
    bool headers, body;   /* -h, -b */
    bool mime;            /* -m: follow the MIME structure */
    bool files;           /* -F: values are names of files, stored as base64 */
    bool json;            /* -j */
    struct view *tables;  /* "hash:/etc/access", paths absolute */
    size_t n_tables;
};

/* Each returns the exit status. */
int query_key(const struct request *r, struct view key);
int query_stdin(const struct request *r);
int list_tables(const struct request *r);
int delete_keys(const struct request *r, const char *key);
int build_tables(const struct request *r);

#endif
