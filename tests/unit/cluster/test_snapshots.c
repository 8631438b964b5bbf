/* Files between nodes that are connected as real ones are, and from one that says what it likes. */
#include "unit.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/mem.h"
#include "base/rng.h"
#include "cluster/peers.h"
#include "cluster/snapshots.h"
#include "support/ca.h"
#include "support/tmp.h"

#define PATIENCE_MS 20000
#define SEATS 3
#define LONG_FILE (20 * LIMIT_PIECE_BYTES + 12345)

struct seat {
    struct peers peers;
    struct snapshots snapshots;
    int64_t id;
    struct address address;
    struct identity identity;
    struct tls *tls;
    bool runs, peers_stopped, snapshots_stopped, deaf, refuses;
    int frames, forgets_after; /* frames; 0: never */
    char folder[TMP_PATH_SIZE], incoming[TMP_PATH_SIZE];
    int fetched;
    char path[TMP_PATH_SIZE]; /* of what was fetched; "": nothing */
    uint64_t token;
    struct error why;
};

static struct scene {
    struct loop loop;
    uv_timer_t patience;
    struct rng rng;
    struct ca ca;
    struct seat seats[SEATS];
} scene;

static void on_patience_over(uv_timer_t *timer)
{
    (void)timer;
    fail_msg("waited too long");
}

#define UNTIL(condition)                                                   \
    do {                                                                   \
        uv_timer_start(&scene.patience, on_patience_over, PATIENCE_MS, 0); \
        while (!(condition))                                               \
            uv_run(&scene.loop.uv, UV_RUN_ONCE);                           \
        uv_timer_stop(&scene.patience);                                    \
    } while (0)

/* ---- the owner of both */
static bool welcome(struct peers *p, int64_t id, const struct tls_peer *who, struct error *err)
{
    (void)p;
    (void)id;
    (void)who;
    (void)err;
    return true;
}

static void on_up(struct peers *p, int64_t id)
{
    struct seat *s = p->data;
    snapshots_up(&s->snapshots, id);
}

static void on_frame(struct peers *p, int64_t id, struct slice frame)
{
    struct seat *s = p->data;
    struct error err;
    s->frames++;
    if (!s->deaf && snapshots_frame(&s->snapshots, id, frame, &err) != 0)
        fail_msg("%s", err.text);
    if (s->frames == s->forgets_after)
        peers_forget(p, id);
}

static void on_down(struct peers *p, int64_t id, enum peers_end how, const struct error *err)
{
    (void)p;
    (void)id;
    (void)how;
    (void)err;
}

static void on_trouble(struct peers *p, int64_t id, const struct error *err)
{
    (void)p;
    (void)id;
    (void)err;
}

static const struct peers_events peers_events = {.welcome = welcome,
                                                 .on_up = on_up,
                                                 .on_frame = on_frame,
                                                 .on_down = on_down,
                                                 .on_trouble = on_trouble};

static void send_to(struct snapshots *all, int64_t to, struct slice frame)
{
    struct seat *s = all->data;
    struct error err;
    if (peers_send(&s->peers, to, PEERS_BULK, frame, PEERS_MAY_DROP, &err) != 0)
        assert_int_not_equal(err.code, ERR_NONE); /* it is asked for again */
}

static bool may_have(struct snapshots *all, int64_t id)
{
    (void)id;
    return !((struct seat *)all->data)->refuses;
}

static void on_fetched(struct snapshots *all, uint64_t token, const char *path,
                       const struct error *err)
{
    struct seat *s = all->data;
    assert_true((path == NULL) == (err != NULL));
    s->fetched++;
    s->token = token;
    s->path[0] = '\0';
    if (path != NULL)
        snprintf(s->path, sizeof s->path, "%s", path);
    else
        s->why = *err;
}

static const struct snapshots_events events = {
    .send = send_to, .may_have = may_have, .on_fetched = on_fetched};

/* ---- the scene */
static struct wall ca_wall(struct clock *c)
{
    (void)c;
    return (struct wall){CA_NOW_MS};
}

static struct tls *tls_of(const struct identity *id)
{
    struct error err;
    struct tls *t = tls_new(&(struct tls_config){.ca = slice_of(scene.ca.pem),
                                                 .certificate = slice_of(id->certificate),
                                                 .key = slice_of(id->key)},
                            &err);
    if (t == NULL)
        fail_msg("%s", err.text);
    return t;
}

static void on_peers_stopped(struct peers *p)
{
    ((struct seat *)p->data)->peers_stopped = true;
}

static void on_snapshots_stopped(struct snapshots *all)
{
    ((struct seat *)all->data)->snapshots_stopped = true;
}

static struct seat *node(int64_t id)
{
    struct seat *s = &scene.seats[id];
    struct error err;
    char name[24];
    s->id = id;
    snprintf(s->address.host, sizeof(s->address.host), "127.83.8.%d", (int)id);
    snprintf(name, sizeof(name), "%lld", (long long)id);
    s->identity = ca_issue(&scene.ca, name, "master");
    s->tls = tls_of(&s->identity);
    struct peers_config config = {.loop = &scene.loop,
                                  .rng = &scene.rng,
                                  .self = s->id,
                                  .address = s->address.host,
                                  .tls = s->tls};
    s->peers.data = s;
    if (peers_start(&s->peers, &config, &peers_events, &err) != 0)
        fail_msg("%s", err.text);
    s->address.port = s->peers.port;
    tmp_make(s->folder);
    tmp_file(s->incoming, s->folder, "state.db.incoming");
    s->snapshots.data = s;
    snapshots_start(&s->snapshots, &scene.loop, s->incoming, &events);
    s->runs = true;
    return s;
}

static int begin(void **unused)
{
    struct error err;
    (void)unused;
    memset(&scene, 0, sizeof(scene));
    assert_int_equal(loop_init(&scene.loop, &err), 0);
    scene.loop.clock.wall = ca_wall;
    uv_timer_init(&scene.loop.uv, &scene.patience);
    rng_seed(&scene.rng, 11);
    ca_begin(&scene.ca, "ours");
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    for (size_t i = 0; i < SEATS; i++)
        if (scene.seats[i].runs) {
            peers_stop(&scene.seats[i].peers, on_peers_stopped);
            snapshots_stop(&scene.seats[i].snapshots, on_snapshots_stopped);
        }
    uv_close((uv_handle_t *)&scene.patience, NULL);
    loop_run(&scene.loop);
    for (size_t i = 0; i < SEATS; i++) {
        struct seat *s = &scene.seats[i];
        if (!s->runs)
            continue;
        assert_true(s->peers_stopped && s->snapshots_stopped);
        tls_unref(s->tls);
        identity_end(&s->identity);
        tmp_remove(s->folder);
    }
    loop_close(&scene.loop);
    ca_end(&scene.ca);
    return 0;
}

/* A file of random bytes at that seat, and what would be said of it. */
static struct snapshot_file make_file(struct seat *s, uint64_t token, size_t size,
                                      char path[TMP_PATH_SIZE])
{
    struct snapshot_file file = {.token = token, .size = size};
    char name[32], *bytes = mem_alloc(size);
    struct rng rng;
    rng_seed(&rng, token);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (char)rng_next(&rng);
    snprintf(name, sizeof name, "file-%llu", (unsigned long long)token);
    FILE *f = fopen(tmp_file(path, s->folder, name), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    fclose(f);
    sha256_of(bytes, size, file.hash);
    mem_free(bytes);
    return file;
}

static struct snapshot_file give(struct seat *s, uint64_t token, size_t size)
{
    char path[TMP_PATH_SIZE];
    struct error err;
    struct snapshot_file file = make_file(s, token, size, path);
    if (snapshots_give(&s->snapshots, token, path, &err) != 0)
        fail_msg("%s", err.text);
    unlink(path); /* its name is not needed */
    return file;
}

static void fetch(struct seat *s, const struct seat *from, const struct snapshot_file *file)
{
    peers_know(&s->peers, from->id, &from->address);
    snapshots_fetch(&s->snapshots, from->id, file);
    assert_int_equal(s->fetched, 0); /* never from inside */
}

static bool is_there(const struct seat *s)
{
    return access(s->incoming, F_OK) == 0;
}

static bool has(const struct seat *s, const struct snapshot_file *file)
{
    uint8_t hash[SHA256_SIZE];
    char *bytes = mem_alloc(file->size + 1);
    FILE *f = fopen(s->path, "rb");
    assert_non_null(f);
    size_t n = fread(bytes, 1, file->size + 1, f);
    fclose(f);
    sha256_of(bytes, n, hash);
    mem_free(bytes);
    return s->token == file->token && n == file->size && memcmp(hash, file->hash, SHA256_SIZE) == 0;
}

/* ---- */

static void a_file_arrives_whole(void **unused)
{
    static const size_t sizes[] = {1, LIMIT_PIECE_BYTES, LIMIT_PIECE_BYTES + 1, LONG_FILE};
    (void)unused;
    struct seat *a = node(1), *b = node(2);
    for (size_t i = 0; i < COUNT(sizes); i++) {
        struct snapshot_file file = give(a, i + 1, sizes[i]);
        b->fetched = 0;
        fetch(b, a, &file);
        UNTIL(b->fetched == 1);
        assert_string_equal(b->path, b->incoming);
        assert_true(has(b, &file));
    }
}

static void the_one_before_is_still_given_to_who_has_begun(void **unused)
{
    (void)unused;
    struct seat *a = node(1), *b = node(2);
    struct snapshot_file file = give(a, 1, LONG_FILE);
    fetch(b, a, &file);
    UNTIL(b->frames >= 2);
    give(a, 2, 100);
    give(a, 3, 100);
    UNTIL(b->fetched == 1);
    assert_true(has(b, &file));
}

static void what_breaks_on_the_way_goes_on_from_there(void **unused)
{
    (void)unused;
    struct seat *a = node(1), *b = node(2);
    struct snapshot_file file = give(a, 1, LONG_FILE);
    a->forgets_after = 9;
    fetch(b, a, &file);
    UNTIL(b->fetched == 1);
    assert_true(has(b, &file));
    assert_true(a->frames > 9);
    assert_true(a->frames < 2 * 21); /* it did not begin anew */
}

static void another_file_than_was_offered_is_not_taken(void **unused)
{
    (void)unused;
    struct seat *a = node(1), *b = node(2);
    struct snapshot_file file = give(a, 1, LONG_FILE);
    file.hash[7] ^= 1;
    fetch(b, a, &file);
    UNTIL(b->fetched == 1);
    assert_string_equal(b->path, "");
    assert_int_equal(b->why.code, ERR_CORRUPT);
    assert_false(is_there(b));
}

static void what_is_not_there_is_not_waited_for(void **unused)
{
    (void)unused;
    struct seat *a = node(1), *b = node(2);
    struct snapshot_file file = give(a, 1, 100);
    struct snapshot_file other = file, longer = file;
    other.token = 2;
    longer.size = 101;
    fetch(b, a, &other);
    UNTIL(b->fetched == 1);
    assert_int_equal(b->why.code, ERR_NOT_FOUND);
    b->fetched = 0;
    fetch(b, a, &longer);
    UNTIL(b->fetched == 1);
    assert_int_equal(b->why.code, ERR_NOT_FOUND);
    assert_false(is_there(b));
}

static void what_is_not_wanted_any_more_is_gone(void **unused)
{
    (void)unused;
    struct seat *a = node(1), *b = node(2);
    struct snapshot_file file = give(a, 1, LONG_FILE);
    fetch(b, a, &file);
    UNTIL(b->frames >= 3);
    assert_int_equal(b->fetched, 0);
    snapshots_drop(&b->snapshots);
    snapshots_drop(&b->snapshots);
    UNTIL(b->fetched == 1);
    assert_int_equal(b->why.code, ERR_CANCELED);
    assert_false(is_there(b));
    b->fetched = 0;
    fetch(b, a, &file); /* pieces of before are on their way */
    UNTIL(b->fetched == 1);
    assert_true(has(b, &file));
}

static void who_says_nothing_is_given_up(void **unused)
{
    (void)unused;
    struct seat *a = node(1), *b = node(2);
    struct snapshot_file file = give(a, 1, LONG_FILE);
    a->deaf = true;
    b->snapshots.patience_ms = 300;
    fetch(b, a, &file);
    UNTIL(b->fetched == 1);
    assert_int_equal(b->why.code, ERR_UNAVAILABLE);
    assert_false(is_there(b));
}

static void who_may_not_have_it_gets_nothing(void **unused)
{
    (void)unused;
    struct seat *a = node(1), *b = node(2);
    struct snapshot_file file = give(a, 1, 100);
    a->refuses = true;
    b->snapshots.patience_ms = 300;
    fetch(b, a, &file);
    UNTIL(b->fetched == 1);
    assert_int_equal(b->why.code, ERR_UNAVAILABLE);
    assert_int_equal(b->frames, 0);
}

static void it_stops_in_the_middle(void **unused)
{
    (void)unused;
    struct seat *a = node(1), *b = node(2);
    struct snapshot_file file = give(a, 1, LONG_FILE);
    fetch(b, a, &file);
    UNTIL(b->frames >= 3);
}

/* ---- one that says what it likes: the frames are put in by hand */

static struct {
    struct snapshots snapshots;
    struct buf said; /* its frames, whole */
    size_t frames;
    int fetched;
    struct error why;
    bool stopped;
} alone;

static void keep_frame(struct snapshots *s, int64_t to, struct slice frame)
{
    (void)s;
    (void)to;
    alone.frames++;
    buf_clear(&alone.said);
    buf_put_slice(&alone.said, frame);
}

static void note_fetched(struct snapshots *s, uint64_t token, const char *path,
                         const struct error *err)
{
    (void)s;
    (void)token;
    assert_null(path);
    alone.fetched++;
    alone.why = *err;
}

static void note_stopped(struct snapshots *s)
{
    (void)s;
    alone.stopped = true;
}

static const struct snapshots_events alone_events = {.send = keep_frame,
                                                     .on_fetched = note_fetched};

static void put_in(int64_t from, const struct piece *p)
{
    struct buf frame;
    struct error err;
    buf_init(&frame, 1 << 20);
    piece_write(p, &frame);
    if (snapshots_frame(&alone.snapshots, from, buf_slice(&frame), &err) != 0)
        fail_msg("%s", err.text);
    buf_close(&frame);
}

static void lies_are_not_believed(void **unused)
{
    static char bytes[LIMIT_PIECE_BYTES];
    struct seat *desk = &scene.seats[0];
    struct error err;
    const struct snapshot_file file = {.token = 5, .size = 2 * LIMIT_PIECE_BYTES + 10};
    const struct slice whole = {bytes, sizeof bytes};
    (void)unused;
    memset(&alone, 0, sizeof alone);
    buf_init(&alone.said, 1 << 20);
    tmp_make(desk->folder);
    tmp_file(desk->incoming, desk->folder, "incoming");
    snapshots_start(&alone.snapshots, &scene.loop, desk->incoming, &alone_events);
    put_in(9, &(struct piece){PIECE_BYTES, 5, 0, 0, whole}); /* nobody asked */
    snapshots_fetch(&alone.snapshots, 9, &file);
    assert_int_equal(alone.frames, 3);
    put_in(8, &(struct piece){PIECE_GONE, 5, 0, 0, {0}}); /* by another node */
    put_in(9, &(struct piece){PIECE_GONE, 6, 0, 0, {0}}); /* of another file */
    put_in(8, &(struct piece){PIECE_BYTES, 5, 0, 0, whole});
    put_in(9, &(struct piece){PIECE_BYTES, 6, 0, 0, whole});
    put_in(9, &(struct piece){PIECE_BYTES, 5, LIMIT_PIECE_BYTES, 0, whole}); /* not its turn */
    put_in(9, &(struct piece){PIECE_BYTES, 5, INT64_MAX, 0, whole});
    assert_int_equal(snapshots_frame(&alone.snapshots, 9, SLICE("S\7nonsense"), &err), -1);
    assert_int_equal(err.code, ERR_SYNTAX);
    put_in(9, &(struct piece){PIECE_BYTES, 5, 0, 0, whole});
    put_in(9, &(struct piece){PIECE_BYTES, 5, 0, 0, whole}); /* once more */
    put_in(9, &(struct piece){PIECE_BYTES, 5, LIMIT_PIECE_BYTES, 0, whole});
    assert_int_equal(alone.fetched, 0);
    put_in(9, &(struct piece){PIECE_BYTES, 5, 2 * LIMIT_PIECE_BYTES, 0, whole}); /* too long */
    UNTIL(alone.fetched == 1);
    assert_int_equal(alone.why.code, ERR_SYNTAX);
    assert_false(is_there(desk));

    const struct snapshot_file absurd = {.token = 5, .size = UINT64_MAX};
    snapshots_fetch(&alone.snapshots, 9, &absurd);
    UNTIL(alone.fetched == 2);
    assert_int_equal(alone.why.code, ERR_SYNTAX);

    snapshots_stop(&alone.snapshots, note_stopped);
    UNTIL(alone.stopped);
    tmp_remove(desk->folder);
    buf_close(&alone.said);
}

static void who_asks_for_too_much_gets_what_he_may(void **unused)
{
    struct seat *desk = &scene.seats[0];
    struct error err;
    struct piece p;
    char path[TMP_PATH_SIZE];
    (void)unused;
    memset(&alone, 0, sizeof alone);
    buf_init(&alone.said, 1 << 20);
    tmp_make(desk->folder);
    tmp_file(desk->incoming, desk->folder, "incoming");
    snapshots_start(&alone.snapshots, &scene.loop, desk->incoming, &alone_events);
    make_file(desk, 3, LONG_FILE, path);
    assert_int_equal(snapshots_give(&alone.snapshots, 3, path, &err), 0);
    for (int i = 0; i < 1000; i++)
        put_in(9, &(struct piece){PIECE_ASK, 3, 0, LIMIT_PIECE_BYTES, {0}});
    for (int64_t id = 100; id < 200; id++)
        for (int i = 0; i < 10; i++)
            put_in(id, &(struct piece){PIECE_ASK, 3, 0, LIMIT_PIECE_BYTES, {0}});
    UNTIL(alone.frames == 1 + LIMIT_PIECES_ASKED);
    /* what does not lie in it: at once, for nothing is read */
    put_in(9, &(struct piece){PIECE_ASK, 3, LONG_FILE - 1, 2, {0}});
    assert_int_equal(alone.frames, 2 + LIMIT_PIECES_ASKED);
    assert_int_equal(piece_read(buf_slice(&alone.said), &p, &err), 0);
    assert_int_equal(p.kind, PIECE_GONE);
    put_in(9, &(struct piece){PIECE_ASK, 3, INT64_MAX, LIMIT_PIECE_BYTES, {0}});
    put_in(9, &(struct piece){PIECE_ASK, 4, 0, 1, {0}});
    assert_int_equal(alone.frames, 4 + LIMIT_PIECES_ASKED);
    snapshots_stop(&alone.snapshots, note_stopped);
    UNTIL(alone.stopped);
    tmp_remove(desk->folder);
    buf_close(&alone.said);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
        TEST(a_file_arrives_whole),
        TEST(the_one_before_is_still_given_to_who_has_begun),
        TEST(what_breaks_on_the_way_goes_on_from_there),
        TEST(another_file_than_was_offered_is_not_taken),
        TEST(what_is_not_there_is_not_waited_for),
        TEST(what_is_not_wanted_any_more_is_gone),
        TEST(who_says_nothing_is_given_up),
        TEST(who_may_not_have_it_gets_nothing),
        TEST(it_stops_in_the_middle),
        TEST(lies_are_not_believed),
        TEST(who_asks_for_too_much_gets_what_he_may),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    uv_library_shutdown(); /* the pool's threads end before libcrypto does */
    return failed;
}
