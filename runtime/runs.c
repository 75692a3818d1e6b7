/* runtime/runs.c: looking through directories of runs: numbers that are taken, temporary files that
 * a killed run left, numbered checkpoints that are old enough to go. It reads no file. */
#define _XOPEN_SOURCE 700
#include "runtime/rundir.h"
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The number of a name "BEFORE12AFTER", or -1. */
static int64_t number_in(const char *name, const char *before, const char *after)
{
    size_t lead = strlen(before);
    if (strncmp(name, before, lead) != 0 || name[lead] < '0' || name[lead] > '9')
        return -1;
    char *end;
    long long n = strtoll(name + lead, &end, 10);
    return strcmp(end, after) == 0 && n < INT64_MAX / 2 ? n : -1;
}

bool rt_runs_below(rt_err *e, int64_t limit, int64_t *highest)
{
    DIR *dir = opendir("runs");
    int failure = dir || errno == ENOENT ? 0 : errno;
    *highest = 0;
    for (struct dirent *entry; dir && (errno = 0, entry = readdir(dir));) {
        int64_t n = number_in(entry->d_name, "", "");
        if (n > *highest && n < limit)
            *highest = n;
    }
    if (dir) {
        failure = errno;
        closedir(dir);
    }
    return !failure || rt_fail_errno(e, failure, "runs", "cannot be listed");
}

/* ".seqc-PID-N.tmp" of a process that is gone, or whose number we have now. */
static bool is_left_over(const char *name)
{
    char *end;
    if (strncmp(name, ".seqc-", 6) != 0 || name[6] < '1' || name[6] > '9')
        return false;
    long long pid = strtoll(name + 6, &end, 10);
    if (*end != '-' || number_in(end, "-", ".tmp") < 0 || pid > INT32_MAX)
        return false;
    return pid == (long long)getpid() || (kill((pid_t)pid, 0) != 0 && errno == ESRCH);
}

void rt_runs_clean(const char *directory)
{
    DIR *dir = opendir(directory);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        if (!is_left_over(entry->d_name))
            continue;
        char *path = rt_format(NULL, "%s/%s", directory, entry->d_name);
        if (path)
            rt_os.unlink(path);
        rt_free(path);
    }
    if (dir)
        closedir(dir);
}

char *rt_numbered_path(rt_err *e, const char *directory, int64_t epoch)
{
    return rt_format(e, "%s/epoch-%04" PRId64 ".safetensors", directory, epoch);
}

/* The lowest number of a checkpoint up to `most`, and how many there are. */
static int64_t lowest_numbered(const char *directory, int64_t most, int64_t *count)
{
    int64_t lowest = -1;
    DIR *dir = opendir(directory);
    *count = 0;
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        int64_t n = number_in(entry->d_name, "epoch-", ".safetensors");
        if (n < 0 || n > most)
            continue;
        ++*count;
        lowest = lowest < 0 || n < lowest ? n : lowest;
    }
    if (dir)
        closedir(dir);
    return lowest;
}

void rt_runs_prune(const char *directory, int64_t newest, int64_t keep)
{
    int64_t count, lowest;
    while ((lowest = lowest_numbered(directory, newest, &count)) >= 0 && count > keep) {
        char *path = rt_numbered_path(NULL, directory, lowest);
        bool gone = path && rt_os.unlink(path) == 0;
        rt_free(path);
        if (!gone)
            return;
    }
}
