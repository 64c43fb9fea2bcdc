/* berkeley - recognise files of Berkeley DB */
#include "table/berkeley.h"

#include <byteswap.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

/* The magic number stands at offset 12, in the writer's byte order. */
enum { MAGIC_OFFSET = 12, MAGIC_HASH = 0x061561, MAGIC_BTREE = 0x053162 };

bool berkeley_is_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    unsigned char head[MAGIC_OFFSET + 4];
    uint32_t magic = 0;

    if (fd < 0)
        return false;
    ssize_t n = pread(fd, head, sizeof head, 0);
    close(fd);
    if (n != (ssize_t)sizeof head)
        return false;
    memcpy(&magic, head + MAGIC_OFFSET, sizeof magic);
    return magic == MAGIC_HASH || magic == MAGIC_BTREE || bswap_32(magic) == MAGIC_HASH ||
           bswap_32(magic) == MAGIC_BTREE;
}
