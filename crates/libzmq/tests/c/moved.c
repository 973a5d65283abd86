/* A program that changes its working directory: what it has bound by a relative path is removed, and nothing else. */
#include "endpoints.h"

#include <sys/stat.h>
#include <unistd.h>

static int there (const char *path)
{
    struct stat found;
    return lstat (path, &found) == 0;
}

/* How a listener ends. */
enum end
{
    UNBIND,
    CLOSE
};

static void moved (enum end end)
{
    CHECK (mkdir ("one", 0700) == 0 && mkdir ("other", 0700) == 0 && chdir ("one") == 0);
    void *context = zmq_ctx_new (), *others = zmq_ctx_new ();
    void *socket = made (context, ZMQ_PULL), *other = made (others, ZMQ_PULL);
    char anywhere[256];
    size_t size = sizeof anywhere;
    CHECK (mkdir ("tmp", 0700) == 0 && setenv ("TMPDIR", "tmp", 1) == 0);
    CHECK (zmq_bind (socket, "ipc://*") == 0);
    CHECK (zmq_getsockopt (socket, ZMQ_LAST_ENDPOINT, anywhere, &size) == 0);
    CHECK (zmq_bind (socket, "ipc://relative") == 0 && there ("relative"));
    CHECK (chdir ("../other") == 0);
    CHECK (zmq_bind (other, "ipc://relative") == 0 && there ("relative"));
    if (end == UNBIND) {
        CHECK (zmq_unbind (socket, "ipc://relative") == 0);
        CHECK (zmq_unbind (socket, anywhere) == 0);
        CHECK (!there ("../one/relative"));
    }
    CHECK (zmq_close (socket) == 0);
    CHECK (zmq_ctx_term (context) == 0);
    CHECK (!there ("../one/relative") && there ("relative"));
    CHECK (zmq_close (other) == 0 && zmq_ctx_term (others) == 0);
    CHECK (!there ("relative") && chdir ("..") == 0);
    /* They are empty. */
    CHECK (rmdir ("one/tmp") == 0 && rmdir ("one") == 0 && rmdir ("other") == 0);
}

int main (void)
{
    moved (UNBIND);
    moved (CLOSE);
    return 0;
}
