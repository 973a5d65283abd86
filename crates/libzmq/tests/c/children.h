/* Child processes to talk to by single bytes. */
#ifndef CHILDREN_H
#define CHILDREN_H

#include "check.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* A child that runs `run` at an endpoint, and a way to talk to it by single bytes. */
struct child {
    pid_t pid;
    int hear, say;
};

static inline struct child start (void (*run) (const char *, int, int), const char *endpoint)
{
    int there[2], back[2];
    CHECK (pipe (there) == 0 && pipe (back) == 0);
    pid_t pid = fork ();
    CHECK (pid >= 0);
    if (pid == 0) {
        prctl (PR_SET_PDEATHSIG, SIGKILL);
        close (there[1]), close (back[0]);
        run (endpoint, there[0], back[1]);
        exit (0);
    }
    close (there[0]), close (back[1]);
    return (struct child){pid, back[0], there[1]};
}

static inline void say (int to, char word)
{
    CHECK (write (to, &word, 1) == 1);
}

static inline char hear (int from)
{
    char word = 0;
    CHECK (read (from, &word, 1) == 1);
    return word;
}

static inline void stop (struct child child)
{
    int status;
    CHECK (kill (child.pid, SIGSTOP) == 0);
    CHECK (waitpid (child.pid, &status, WUNTRACED) == child.pid && WIFSTOPPED (status));
}

static inline void ended (struct child child, int killed)
{
    int status;
    CHECK (waitpid (child.pid, &status, 0) == child.pid);
    CHECK (killed ? WIFSIGNALED (status) : WIFEXITED (status) && WEXITSTATUS (status) == 0);
    close (child.hear), close (child.say);
}

#endif
