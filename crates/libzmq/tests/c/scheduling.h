/* The threads of this process, as the kernel has them. */
#ifndef SCHEDULING_H
#define SCHEDULING_H

#include "check.h"

#include <dirent.h>
#include <sched.h>
#include <unistd.h>

/* Whether a thread's name begins like this. */
static inline int is_named (int thread, const char *begin)
{
    char path[64], name[32] = "";
    snprintf (path, sizeof path, "/proc/self/task/%d/comm", thread);
    FILE *file = fopen (path, "r");
    if (!file)
        return 0;
    int found = fgets (name, sizeof name, file) && strncmp (name, begin, strlen (begin)) == 0;
    fclose (file);
    return found;
}

/* Whether a thread runs on this CPU only, and has this policy; a CPU below 0 is not looked at. */
static inline int is_scheduled (int thread, int cpu, int policy)
{
    cpu_set_t cpus;
    CPU_ZERO (&cpus);
    if (sched_getaffinity (thread, sizeof cpus, &cpus) != 0 || sched_getscheduler (thread) != policy)
        return 0;
    return cpu < 0 || (CPU_COUNT (&cpus) == 1 && CPU_ISSET (cpu, &cpus));
}

/* Waits for a thread with such a name, which has been scheduled. A new thread sets its name and the rest itself. */
static inline void await_thread (const char *begin, int cpu, int policy)
{
    for (int found = 0; !found; usleep (1000)) {
        DIR *threads = opendir ("/proc/self/task");
        CHECK (threads);
        for (struct dirent *one; (one = readdir (threads));) {
            int thread = atoi (one->d_name);
            found |= thread > 0 && is_named (thread, begin) && is_scheduled (thread, cpu, policy);
        }
        closedir (threads);
    }
}

#endif
