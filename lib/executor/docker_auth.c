#include "executor/docker_auth.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

#define HUB "https://index.docker.io/v1/" /* the name that the files have for Docker's own */
#define FILE_MAX (64 << 10)
#define SECRET_MAX 4096

const char *docker_registry(const char *image, char dst[DOCKER_REGISTRY_SIZE])
{
    size_t n = strcspn(image, "/");
    bool named =
        image[n] == '/' && (memchr(image, '.', n) != NULL || memchr(image, ':', n) != NULL ||
                            strncmp(image, "localhost/", 10) == 0);
    if (named)
        snprintf(dst, DOCKER_REGISTRY_SIZE, "%.*s", (int)n, image);
    else
        str_copy(dst, DOCKER_REGISTRY_SIZE, HUB);
    return dst;
}

/* "https://registry.example/v2/" and "registry.example" are the same to the files. */
static bool same_registry(const char *key, const char *registry)
{
    const char *scheme = strstr(key, "://");
    if (str_eq(key, registry))
        return true;
    key = scheme != NULL ? scheme + 3 : key;
    size_t n = strcspn(key, "/");
    return strlen(registry) == n && strncmp(key, registry, n) == 0;
}

static const struct json *find_entry(const struct json *config, const char *registry)
{
    const struct json *auths = json_get(config, "auths");
    JSON_EACH (entry, auths != NULL ? auths : config) {
        if (same_registry(json_name(entry), registry))
            return entry;
    }
    return NULL;
}

/* "dXNlcjpwYXNz": "user:pass", NUL-terminated. */
static bool decode(const char *text, char dst[SECRET_MAX])
{
    size_t len = strlen(text);
    if (len == 0 || len % 4 != 0 || len / 4 * 3 >= SECRET_MAX)
        return false;
    int n = EVP_DecodeBlock((unsigned char *)dst, (const unsigned char *)text, (int)len);
    if (n < 0)
        return false;
    n -= (text[len - 1] == '=') + (text[len - 2] == '=');
    dst[n] = '\0';
    return strlen(dst) == (size_t)n;
}

static void put_line(struct buf *out, const char *user, const char *password, const char *registry)
{
    struct buf body;
    struct json_writer w;
    buf_init(&body, 4 * SECRET_MAX);
    json_begin(&w, &body);
    json_object(&w);
    json_member_str(&w, "username", user);
    json_member_str(&w, "password", password);
    json_member_str(&w, "serveraddress", registry);
    json_object_end(&w);
    buf_puts(out, "X-Registry-Auth: ");
    base64_put(out, buf_slice(&body), BASE64_URL);
    buf_puts(out, "\r\n");
    buf_close(&body);
}

bool docker_auth_line(struct slice text, const char *registry, struct buf *out)
{
    struct error ignored;
    struct json *config = json_parse(text, &ignored);
    const struct json *entry = find_entry(config, registry);
    char secret[SECRET_MAX], *colon = NULL;
    if (entry != NULL && decode(json_str(json_get(entry, "auth"), ""), secret))
        colon = strchr(secret, ':');
    if (colon != NULL) {
        *colon = '\0';
        put_line(out, secret, colon + 1, registry);
    }
    json_free(config);
    return colon != NULL;
}

static bool try_file(const char *folder, const char *name, const char *registry, struct buf *out)
{
    char path[4096];
    if (folder == NULL || snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path))
        return false;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return false;
    char *text = mem_alloc(FILE_MAX);
    ssize_t n = read(fd, text, FILE_MAX);
    close(fd);
    bool found = n > 0 && docker_auth_line((struct slice){text, (size_t)n}, registry, out);
    mem_free(text);
    return found;
}

void docker_auth_find(const char *sandbox, const char *image, struct buf *out)
{
    char registry[DOCKER_REGISTRY_SIZE];
    docker_registry(image, registry);
    if (try_file(sandbox, ".docker/config.json", registry, out) ||
        try_file(sandbox, ".dockercfg", registry, out))
        return;
    (void)!try_file(getenv("HOME"), ".docker/config.json", registry, out);
}
