/* The folder certs/: it comes into being whole, says what is wrong with it, and changes file by
 * file. */
#include "authority.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/limits.h"
#include "base/str.h"
#include "cluster/identity.h"
#include "support/tmp.h"

#define LIFE (7 * DAY)

static char data[TMP_PATH_SIZE];

static int begin(void **unused)
{
    (void)unused;
    tmp_make(data);
    return 0;
}

static int end(void **unused)
{
    (void)unused;
    tmp_remove(data);
    return 0;
}

static const struct certificate first = {.id = 42,
                                         .store = 43,
                                         .serial = 7,
                                         .modes = MODE_MASTER | MODE_AGENT,
                                         .n = 1,
                                         .hosts = {"10.0.0.2"}};

static void found(void)
{
    struct error err;
    if (identity_found(data, CLUSTER, &first, NOW, LIFE, &err) != 0)
        fail_msg("%s", err.text);
}

static void open_it(struct identity *i)
{
    struct error err;
    if (identity_open(data, 42, 43, i, &err) != 0)
        fail_msg("%s", err.text);
}

static const char *in_certs(char dst[TMP_PATH_SIZE], const char *name)
{
    snprintf(dst, TMP_PATH_SIZE, "%.200s/certs/%.20s", data, name);
    return dst;
}

static unsigned mode_of(const char *name)
{
    char path[TMP_PATH_SIZE];
    struct stat st;
    assert_int_equal(stat(in_certs(path, name), &st), 0);
    return st.st_mode & 0777;
}

static void put(const char *name, const char *text)
{
    char path[TMP_PATH_SIZE];
    FILE *f = fopen(in_certs(path, name), "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* ---- the first of a cluster */

static void a_founded_identity_opens(void **unused)
{
    struct identity i;
    struct error err;
    (void)unused;
    assert_false(identity_is_there(data));
    found();
    assert_true(identity_is_there(data));
    open_it(&i);
    assert_int_equal(i.facts.id, 42);
    assert_int_equal(i.facts.until.ms, NOW.ms + LIFE);
    assert_string_equal(i.facts.cluster, CLUSTER);
    assert_string_equal(ca_cluster(i.ca), CLUSTER);
    assert_true(ca_can_sign(i.ca));
    assert_non_null(i.tls);
    assert_int_equal(identity_check_age(&i, NOW, &err), 0);
    identity_close(&i);
}

static void a_certificate_names_where_its_node_is(void **unused)
{
    const struct certificate c = {.n = 2, .hosts = {"fd00::2", "deck-2"}};
    (void)unused;
    assert_true(certificate_names(&c, "fd00::2"));
    assert_true(certificate_names(&c, "fd00:0:0::2"));
    assert_true(certificate_names(&c, "deck-2"));
    assert_false(certificate_names(&c, "fd00::3"));
    assert_false(certificate_names(&c, "deck"));
    assert_false(certificate_names(&c, ""));
}

static void nobody_else_reads_its_secrets(void **unused)
{
    (void)unused;
    mode_t mask = umask(0);
    found();
    umask(mask);
    assert_int_equal(mode_of("."), 0700);
    assert_int_equal(mode_of("node.key"), 0600);
    assert_int_equal(mode_of("ca.key"), 0600);
}

static void there_are_never_two_of_them(void **unused)
{
    struct identity i, again;
    struct error err;
    uint8_t one[SHA256_SIZE], two[SHA256_SIZE];
    (void)unused;
    found();
    open_it(&i);
    ca_fingerprint(i.ca, one);
    assert_int_equal(identity_found(data, OTHER_CLUSTER, &first, NOW, LIFE, &err), -1);
    assert_int_equal(err.code, ERR_IO);
    open_it(&again);
    ca_fingerprint(again.ca, two);
    assert_memory_equal(one, two, SHA256_SIZE);
    identity_close(&i);
    identity_close(&again);
}

/* What a killed process has left: a folder without its name, half filled. */
static void what_was_begun_and_not_ended_is_made_anew(void **unused)
{
    char path[TMP_PATH_SIZE], file[2 * TMP_PATH_SIZE];
    static const char *const left[] = {"ca.key", "node.pem.new"};
    struct identity i;
    (void)unused;
    assert_int_equal(mkdir(tmp_file(path, data, "certs.new"), 0755), 0);
    for (size_t k = 0; k < COUNT(left); k++) {
        snprintf(file, sizeof file, "%s/%s", path, left[k]);
        int fd = open(file, O_WRONLY | O_CREAT, 0644);
        assert_int_equal(write(fd, "x", 1), 1);
        close(fd);
    }
    assert_false(identity_is_there(data));
    found();
    assert_int_equal(mode_of("."), 0700);
    assert_int_equal(access(path, F_OK), -1);
    open_it(&i);
    identity_close(&i);
}

/* ---- what is wrong */

static void refused(int64_t id, int64_t store, enum error_code code, const char *text)
{
    struct identity i = {0};
    struct error err;
    assert_int_equal(identity_open(data, id, store, &i, &err), -1);
    if (strstr(err.text, text) == NULL)
        fail_msg("got %s, need %s", err.text, text);
    assert_int_equal(err.code, code);
    assert_null(i.ca);
}

static void each_missing_or_broken_file_is_named(void **unused)
{
    static const char *const names[] = {"ca.pem", "node.pem", "node.key"};
    char path[TMP_PATH_SIZE], aside[TMP_PATH_SIZE];
    (void)unused;
    refused(42, 43, ERR_NOT_FOUND, "/certs: cannot be read: No such file or directory");
    found();
    for (size_t k = 0; k < COUNT(names); k++) {
        char wanted[80];
        rename(in_certs(path, names[k]), in_certs(aside, "aside"));
        snprintf(wanted, sizeof wanted, "/certs/%s: cannot be read: No such", names[k]);
        refused(42, 43, ERR_NOT_FOUND, wanted);
        put(names[k], "hunter2");
        refused(42, 43, ERR_CORRUPT, "need ");
        rename(aside, path);
    }
    put("ca.key", "hunter2");
    refused(42, 43, ERR_CORRUPT, "CA: its key is not that of its certificate");
}

static void anothers_identity_is_refused(void **unused)
{
    (void)unused;
    found();
    refused(41, 43, ERR_CONFLICT, "certificate: is that of node 42 on disk 43, node.json says 41");
    refused(42, 44, ERR_CONFLICT, "node.json says 42 on 44");
}

static void what_is_over_says_how_to_cure_it(void **unused)
{
    struct identity i;
    struct error err;
    (void)unused;
    found();
    open_it(&i);
    assert_int_equal(identity_check_age(&i, (struct wall){NOW.ms + LIFE + 1000}, &err), -1);
    assert_non_null(strstr(err.text, "was good until 2026-01-08T00:00:00.000Z"));
    assert_non_null(strstr(err.text, "mesolith join ADDRESS --token TOKEN"));
    assert_int_equal(identity_check_age(&i, (struct wall){NOW.ms - DAY}, &err), -1);
    assert_non_null(strstr(err.text, "set the clock"));
    identity_close(&i);
}

/* ---- joining */

struct admitted {
    struct ca *ca;
    struct key *key;
    struct buf ca_text, certificate;
    struct join_answer answer;
};

static void admit_to(struct admitted *a, struct ca *ca, unsigned modes)
{
    struct certificate facts = first;
    struct buf request;
    struct error err;
    a->ca = ca;
    facts.modes = modes;
    facts.until = ca_until(ca, NOW, LIFE);
    buf_init(&request, 65536);
    buf_init(&a->ca_text, 65536);
    buf_init(&a->certificate, 65536);
    assert_int_equal(key_make(&a->key, &err), 0);
    key_request(a->key, &request);
    assert_int_equal(ca_sign(ca, buf_slice(&request), &facts, NOW, &a->certificate, &err), 0);
    ca_write(ca, &a->ca_text);
    a->answer = (struct join_answer){.certificate = buf_str(&a->certificate),
                                     .ca = buf_str(&a->ca_text),
                                     .cluster = CLUSTER,
                                     .id = 42};
    buf_close(&request);
}

static void admitted_close(struct admitted *a)
{
    key_free(a->key);
    ca_free(a->ca);
    buf_close(&a->ca_text);
    buf_close(&a->certificate);
}

static void an_answer_becomes_an_identity(void **unused)
{
    struct admitted a;
    struct identity i;
    struct error err;
    uint8_t fingerprint[SHA256_SIZE];
    (void)unused;
    admit_to(&a, authority(CLUSTER), MODE_AGENT);
    ca_fingerprint(a.ca, fingerprint);
    assert_int_equal(identity_check_answer(&a.answer, fingerprint, a.key, 42, 43, NOW, &err), 0);
    assert_int_equal(identity_write(data, a.key, &a.answer, &err), 0);
    open_it(&i);
    assert_false(ca_can_sign(i.ca));
    assert_int_equal(i.facts.modes, MODE_AGENT);
    identity_close(&i);
    admitted_close(&a);
}

/* The cluster may have noted the key before the answer was lost. */
static void who_is_interrupted_goes_on_with_the_same_key(void **unused)
{
    struct admitted a;
    struct identity i;
    struct key *key, *again;
    struct error err;
    uint8_t before[SHA256_SIZE], after[SHA256_SIZE];
    (void)unused;
    assert_int_equal(identity_begin(data, &key, &err), 0);
    key_hash(key, before);
    key_free(key);
    assert_int_equal(identity_begin(data, &again, &err), 0);
    key_hash(again, after);
    assert_memory_equal(after, before, sizeof after);
    key_free(again);

    admit_to(&a, authority(CLUSTER), MODE_AGENT);
    assert_int_equal(identity_write(data, a.key, &a.answer, &err), 0);
    open_it(&i);
    key_hash(a.key, before);
    key_hash(i.key, after);
    assert_memory_equal(after, before, sizeof after);
    identity_close(&i);
    admitted_close(&a);
}

static void answer_refused(const struct admitted *a, const uint8_t fingerprint[SHA256_SIZE],
                           const struct key *key, int64_t id, const char *text)
{
    struct error err;
    assert_int_equal(identity_check_answer(&a->answer, fingerprint, key, id, 43, NOW, &err), -1);
    if (strstr(err.text, text) == NULL)
        fail_msg("got %s, need %s", err.text, text);
}

static void an_answer_that_is_not_ours_is_refused(void **unused)
{
    struct admitted a, other;
    uint8_t fingerprint[SHA256_SIZE], another[SHA256_SIZE];
    (void)unused;
    admit_to(&a, authority(CLUSTER), MODE_AGENT);
    admit_to(&other, authority(CLUSTER), MODE_AGENT);
    ca_fingerprint(a.ca, fingerprint);
    ca_fingerprint(other.ca, another);
    answer_refused(&a, another, a.key, 42, "token: is of another cluster");
    answer_refused(&a, fingerprint, a.key, 41, "certificate: is that of node 42");
    answer_refused(&a, fingerprint, other.key, 42, "key");
    a.answer.certificate = other.answer.certificate;
    answer_refused(&a, fingerprint, other.key, 42, "was not signed by this cluster's CA");
    a.answer.certificate = buf_str(&a.certificate);
    a.answer.cluster = OTHER_CLUSTER;
    answer_refused(&a, fingerprint, a.key, 42, "cluster: got " OTHER_CLUSTER);
    admitted_close(&a);
    admitted_close(&other);
}

/* ---- changing */

static void a_certificate_is_renewed_and_stays(void **unused)
{
    const struct wall later = {NOW.ms + 4 * DAY};
    struct identity i, again;
    struct error err;
    (void)unused;
    found();
    open_it(&i);
    struct tls *before = tls_ref(i.tls);
    assert_int_equal(identity_renew_self(&i, 8, later, LIFE, &err), 0);
    assert_ptr_not_equal(i.tls, before);
    assert_int_equal(i.facts.serial, 8);
    assert_int_equal(i.facts.until.ms, later.ms + LIFE);
    assert_string_equal(i.facts.hosts[0], "10.0.0.2");
    open_it(&again);
    assert_int_equal(again.facts.serial, 8);
    identity_close(&again);
    tls_unref(before);
    identity_close(&i);
}

static void nothing_changes_by_a_certificate_that_is_not_ours(void **unused)
{
    struct admitted a;
    struct identity i;
    struct error err;
    (void)unused;
    found();
    open_it(&i);
    admit_to(&a, authority(CLUSTER), MODE_AGENT);
    struct tls *before = i.tls;
    assert_int_equal(identity_renew(&i, buf_slice(&a.certificate), NOW, &err), -1);
    assert_int_equal(identity_renew(&i, SLICE("hunter2"), NOW, &err), -1);
    assert_ptr_equal(i.tls, before);
    assert_int_equal(i.facts.serial, 7);
    admitted_close(&a);
    identity_close(&i);
}

static void a_master_takes_the_key_of_its_ca_only(void **unused)
{
    struct admitted a;
    struct identity i, again;
    struct error err;
    struct buf key;
    struct ca *other = authority(CLUSTER);
    (void)unused;
    buf_init(&key, 65536);
    admit_to(&a, authority(CLUSTER), MODE_MASTER);
    assert_int_equal(identity_write(data, a.key, &a.answer, &err), 0);
    open_it(&i);
    assert_int_equal(identity_renew_self(&i, 8, NOW, LIFE, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    ca_write_key(other, &key);
    assert_int_equal(identity_take_ca_key(&i, buf_slice(&key), &err), -1);
    assert_int_equal(identity_take_ca_key(&i, (struct slice){NULL, 0}, &err), -1);
    assert_false(ca_can_sign(i.ca));
    buf_clear(&key);
    ca_write_key(a.ca, &key);
    assert_int_equal(identity_take_ca_key(&i, buf_slice(&key), &err), 0);
    assert_true(ca_can_sign(i.ca));
    assert_int_equal(mode_of("ca.key"), 0600);
    open_it(&again);
    assert_true(ca_can_sign(again.ca));
    identity_close(&again);
    identity_close(&i);
    admitted_close(&a);
    ca_free(other);
    buf_close(&key);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_founded_identity_opens),
        TEST(a_certificate_names_where_its_node_is),
        TEST(nobody_else_reads_its_secrets),
        TEST(there_are_never_two_of_them),
        TEST(what_was_begun_and_not_ended_is_made_anew),
        TEST(each_missing_or_broken_file_is_named),
        TEST(anothers_identity_is_refused),
        TEST(what_is_over_says_how_to_cure_it),
        TEST(an_answer_becomes_an_identity),
        TEST(who_is_interrupted_goes_on_with_the_same_key),
        TEST(an_answer_that_is_not_ours_is_refused),
        TEST(a_certificate_is_renewed_and_stays),
        TEST(nothing_changes_by_a_certificate_that_is_not_ours),
        TEST(a_master_takes_the_key_of_its_ca_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
