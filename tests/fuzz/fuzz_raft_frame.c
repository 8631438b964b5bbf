/* Whatever a peer sends: it is refused in words, or it is encoded to the same bytes again, and its
 * configurations are ones that the library may be trusted with. */
#include "base/assert.h"
#include "base/limits.h"
#include "replica/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_conf(struct slice bytes)
{
    struct raft_configuration conf;
    struct error err;
    ASSERT(conf_decode(bytes, &conf, &err) == 0);
    ASSERT(conf.n >= 1 && conf.n <= LIMIT_SERVERS);
    for (unsigned i = 0; i < conf.n; i++)
        ASSERT(conf.servers[i].id != 0 && conf.servers[i].address != NULL);
    raft_configuration_close(&conf);
}

static void check_append(const struct frame_append *a)
{
    for (unsigned i = 0; i < a->n; i++) {
        ASSERT(a->entries[i].term >= (i == 0 ? a->prev_term : a->entries[i - 1].term));
        ASSERT(a->entries[i].term <= a->term);
        if (a->entries[i].type == RAFT_CHANGE)
            check_conf(a->entries[i].data);
    }
}

/* Flags are told by any byte but zero, so only a second round must be exact. */
static void check_again(const struct frame *f)
{
    struct buf once, twice;
    struct frame g;
    struct error err;
    buf_init(&once, 2 * LIMIT_PEER_FRAME_BYTES);
    buf_init(&twice, 2 * LIMIT_PEER_FRAME_BYTES);
    frame_encode(f, &once);
    ASSERT(frame_decode(buf_slice(&once), &g, &err) == 0);
    frame_encode(&g, &twice);
    ASSERT(slice_eq(buf_slice(&once), buf_slice(&twice)));
    frame_close(&g);
    buf_close(&once);
    buf_close(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct frame f;
    struct error err = {0};
    if (frame_decode((struct slice){(const char *)data, size}, &f, &err) != 0) {
        ASSERT(err.code == ERR_SYNTAX && err.text[0] != '\0');
        return 0;
    }
    if (f.kind == FRAME_APPEND)
        check_append(&f.append);
    if (f.kind == FRAME_OFFER || f.kind == FRAME_TABLES)
        check_conf(f.offer.conf);
    check_again(&f);
    frame_close(&f);
    return 0;
}
