/* A file system that refuses calls, as network and user-space ones do: preloaded, for paths under one folder.
 *
 * REFUSE_UNDER names the folder, REFUSE the calls with the error number of each: "fsync=22 flock=95". Where
 * REFUSE_ONCE is given, they are refused from the moment on at which a file of that name exists.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int refused(const char *call, const char *path) {
    const char *under = getenv("REFUSE_UNDER"), *list = getenv("REFUSE"), *once = getenv("REFUSE_ONCE");
    char key[32];
    if (under == NULL || list == NULL || strncmp(path, under, strlen(under)) != 0)
        return 0;
    if (once != NULL && access(once, F_OK) != 0)
        return 0;
    snprintf(key, sizeof key, "%s=", call);
    const char *found = strstr(list, key);
    return found == NULL ? 0 : atoi(found + strlen(key));
}

static int refused_fd(const char *call, int fd) {
    char link[64], path[PATH_MAX + 1];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX);
    if (length < 0)
        return 0;
    path[length] = 0;
    return refused(call, path);
}

#define REFUSE_FD(NAME, KEY, PARAMETERS, ARGUMENTS)                                    \
    int NAME PARAMETERS {                                                              \
        int number = refused_fd(KEY, fd);                                              \
        if (number) { errno = number; return -1; }                                     \
        return ((int (*) PARAMETERS)dlsym(RTLD_NEXT, #NAME)) ARGUMENTS;                \
    }
#define REFUSE_PATH(NAME, KEY, PARAMETERS, ARGUMENTS)                                  \
    int NAME PARAMETERS {                                                              \
        int number = refused(KEY, path);                                               \
        if (number) { errno = number; return -1; }                                     \
        return ((int (*) PARAMETERS)dlsym(RTLD_NEXT, #NAME)) ARGUMENTS;                \
    }

ssize_t write(int fd, const void *data, size_t size) {
    int number = refused_fd("write", fd);
    if (number) { errno = number; return -1; }
    return ((ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write"))(fd, data, size);
}

REFUSE_FD(fsync, "fsync", (int fd), (fd))
REFUSE_FD(fdatasync, "fsync", (int fd), (fd))
REFUSE_FD(flock, "flock", (int fd, int operation), (fd, operation))
REFUSE_FD(fchmod, "chmod", (int fd, mode_t mode), (fd, mode))
REFUSE_PATH(chmod, "chmod", (const char *path, mode_t mode), (path, mode))
REFUSE_PATH(rename, "rename", (const char *path, const char *target), (path, target))
