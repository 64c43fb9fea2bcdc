/* test_nameserver - tests: tests/testnet/dnsserver.py as a child of the test
 *
 * Everything blocks; failures end the test (cmocka).  Works in a temporary directory,
 * where the test stays.
 */
#ifndef NET_TEST_NAMESERVER_H
#define NET_TEST_NAMESERVER_H

#include <sys/types.h>

struct test_nameserver {
    char directory[64];
    char address[64]; /* "127.0.0.1@PORT", for resolver_nameservers */
    pid_t pid;
};

/* Serve ZONE (JSON, as dnsserver.py has it); changes into the directory. */
void test_nameserver_start(struct test_nameserver *s, const char *python,
                           const char *script, const char *zone);
void test_nameserver_stop(struct test_nameserver *s);
/* How many questions were LINE ("udp free.example MX")? */
unsigned test_nameserver_count(const struct test_nameserver *s, const char *line);

#endif
