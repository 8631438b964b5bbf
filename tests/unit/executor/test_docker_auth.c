/* tests/unit/executor/test_docker_auth.c */
#include "unit.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "executor/docker_auth.h"
#include "support/tmp.h"

static void an_image_names_its_registry(void **unused)
{
    (void)unused;
    static const char *const all[][2] = {
        {"nginx", "https://index.docker.io/v1/"},
        {"library/busybox:1", "https://index.docker.io/v1/"},
        {"company/app@sha256:ab", "https://index.docker.io/v1/"},
        {"registry.example/app", "registry.example"},
        {"registry:5000/a/b:1", "registry:5000"},
        {"localhost/app", "localhost"},
    };
    char registry[DOCKER_REGISTRY_SIZE];
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        assert_string_equal(docker_registry(all[i][0], registry), all[i][1]);
}

/* user:pass, and {"username":"user","password":"pass","serveraddress":"registry.example"} */
#define AUTH "{\"auth\":\"dXNlcjpwYXNz\"}"
#define LINE                                                                       \
    "X-Registry-Auth: "                                                            \
    "eyJ1c2VybmFtZSI6InVzZXIiLCJwYXNzd29yZCI6InBhc3MiLCJzZXJ2ZXJhZGRyZXNzIjoicmVn" \
    "aXN0cnkuZXhhbXBsZSJ9\r\n"

static void reads_the_files_of_dockers_client(void **unused)
{
    (void)unused;
    static const struct {
        const char *text;
        bool found;
    } all[] = {
        {"{\"auths\":{\"registry.example\":" AUTH "}}", true},
        {"{\"auths\":{\"https://registry.example/v2/\":" AUTH "}}", true},
        {"{\"registry.example\":" AUTH "}", true}, /* .dockercfg */
        {"{\"auths\":{\"other.example\":" AUTH "}}", false},
        {"{\"auths\":{\"registry.example.org\":" AUTH "}}", false},
        {"{\"auths\":{\"registry.example\":{}}}", false},
        {"{\"auths\":{\"registry.example\":{\"auth\":\"bm9jb2xvbg==\"}}}", false},
        {"{\"auths\":{\"registry.example\":{\"auth\":\"***\"}}}", false},
        {"{\"auths\":{\"registry.example\":{\"auth\":7}}}", false},
        {"not json", false},
        {"", false},
    };
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        struct buf out;
        buf_init(&out, 4096);
        bool found = docker_auth_line(slice_of(all[i].text), "registry.example", &out);
        if (found != all[i].found)
            fail_msg("%s", all[i].text);
        assert_string_equal(buf_str(&out), found ? LINE : "");
        buf_close(&out);
    }
}

static void the_sandboxs_file_comes_first(void **unused)
{
    (void)unused;
    static const char text[] = "{\"registry.example\":" AUTH "}";
    char root[TMP_PATH_SIZE], path[2 * TMP_PATH_SIZE];
    struct buf out;
    tmp_make(root);
    buf_init(&out, 4096);
    docker_auth_find(root, "registry.example/app", &out);
    assert_string_equal(buf_str(&out), "");
    snprintf(path, sizeof(path), "%s/.dockercfg", root);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
    close(fd);
    docker_auth_find(root, "registry.example/app", &out);
    assert_string_equal(buf_str(&out), LINE);
    buf_close(&out);
    tmp_remove(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_image_names_its_registry),
        cmocka_unit_test(reads_the_files_of_dockers_client),
        cmocka_unit_test(the_sandboxs_file_comes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
