#include "cluster/certificate.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

#include "base/str.h"
#include "cluster/private.h"

/* ---- renewal */

struct wall certificate_renew_at(struct wall from, struct wall until)
{
    return (struct wall){from.ms / 2 + until.ms / 2}; /* never overflows */
}

enum certificate_age certificate_age(struct wall from, struct wall until, struct wall now)
{
    if (now.ms >= until.ms)
        return CERTIFICATE_OVER;
    if (now.ms < from.ms)
        return CERTIFICATE_EARLY;
    return now.ms < certificate_renew_at(from, until).ms ? CERTIFICATE_FRESH : CERTIFICATE_DUE;
}

/* ---- where it is */

static bool same_host(const char *a, const char *b)
{
    struct in6_addr one, two;
    return str_eq(a, b) ||
           (inet_pton(AF_INET6, a, &one) == 1 && inet_pton(AF_INET6, b, &two) == 1 &&
            memcmp(&one, &two, sizeof one) == 0);
}

bool certificate_names(const struct certificate *c, const char *host)
{
    for (size_t i = 0; i < c->n; i++)
        if (same_host(c->hosts[i], host))
            return true;
    return false;
}

/* ---- reading */

static bool copy_text(const unsigned char *text, int len, char *dst, size_t size)
{
    if (len <= 0 || (size_t)len >= size)
        return false;
    for (int i = 0; i < len; i++)
        if (text[i] < ' ' || text[i] > '~')
            return false;
    memcpy(dst, text, (size_t)len);
    dst[len] = '\0';
    return true;
}

bool name_entry(const X509_NAME *name, int nid, char *dst, size_t size)
{
    int at = X509_NAME_get_index_by_NID(name, nid, -1);
    if (at < 0 || X509_NAME_get_index_by_NID(name, nid, at) >= 0)
        return false;
    const ASN1_STRING *v = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at));
    return copy_text(ASN1_STRING_get0_data(v), ASN1_STRING_length(v), dst, size);
}

struct wall wall_of(const ASN1_TIME *t)
{
    struct tm tm;
    if (t == NULL || ASN1_TIME_to_tm(t, &tm) != 1) {
        ERR_clear_error();
        return (struct wall){0};
    }
    return (struct wall){(int64_t)timegm(&tm) * 1000};
}

static bool take_number(const X509_NAME *name, int nid, int64_t *out)
{
    char text[24];
    return name_entry(name, nid, text, sizeof text) && str_to_i64(text, out) && *out > 0;
}

static bool take_subject(const X509_NAME *name, struct certificate *c)
{
    char modes[MODES_TEXT_SIZE];
    struct uuid cluster;
    return name_entry(name, NID_organizationName, c->cluster, sizeof c->cluster) &&
           uuid_parse(c->cluster, &cluster) && take_number(name, NID_commonName, &c->id) &&
           take_number(name, NID_serialNumber, &c->store) &&
           name_entry(name, NID_organizationalUnitName, modes, sizeof modes) &&
           modes_parse(modes, &c->modes);
}

static bool take_serial(X509 *x, int64_t *out)
{
    bool fine = ASN1_INTEGER_get_int64(out, X509_get0_serialNumber(x)) == 1 && *out > 0;
    ERR_clear_error();
    return fine;
}

static bool take_host(const GENERAL_NAME *g, char dst[ADDRESS_HOST_SIZE])
{
    int kind;
    const ASN1_STRING *v = GENERAL_NAME_get0_value(g, &kind);
    if (kind == GEN_DNS)
        return copy_text(ASN1_STRING_get0_data(v), ASN1_STRING_length(v), dst, ADDRESS_HOST_SIZE);
    if (kind != GEN_IPADD || (ASN1_STRING_length(v) != 4 && ASN1_STRING_length(v) != 16))
        return false;
    return inet_ntop(ASN1_STRING_length(v) == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(v), dst,
                     ADDRESS_HOST_SIZE) != NULL;
}

static bool take_hosts(X509 *x, struct certificate *c)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(x, NID_subject_alt_name, NULL, NULL);
    int n = names != NULL ? sk_GENERAL_NAME_num(names) : 0;
    bool fine = n > 0 && n <= CERTIFICATE_HOSTS;
    for (int i = 0; fine && i < n; i++)
        fine = take_host(sk_GENERAL_NAME_value(names, i), c->hosts[c->n++]);
    GENERAL_NAMES_free(names);
    ERR_clear_error();
    return fine;
}

int certificate_of(X509 *x, struct certificate *out, struct error *err)
{
    struct certificate c = {.from = wall_of(X509_get0_notBefore(x)),
                            .until = wall_of(X509_get0_notAfter(x))};
    if (!take_subject(X509_get_subject_name(x), &c) || !take_serial(x, &c.serial) ||
        !take_hosts(x, &c))
        return error_set(err, ERR_CORRUPT,
                         "certificate: is not one of a mesolith node: join the node with a token");
    *out = c;
    return 0;
}

int certificate_read(struct slice pem, struct certificate *out, struct error *err)
{
    X509 *x = pem_certificate(pem);
    if (x == NULL)
        return error_set(err, ERR_CORRUPT, "certificate: need one as PEM");
    int rc = certificate_of(x, out, err);
    X509_free(x);
    return rc;
}
