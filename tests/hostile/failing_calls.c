/* Preloaded into a process: one call of a kind fails, wherever it comes from.

Counted are calls that concern files below FAIL_UNDER. FAIL_CONTROL is a file of eight numbers:
which kind fails, which call of it counted from 1, with what errno, and how many calls of each kind
there have been. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WRITE, FSYNC, RENAME, OPEN, LOCK, KINDS };
struct control { int kind, at, error, counts[KINDS]; };
static struct control *control;
static const char *under;

__attribute__((constructor)) static void start(void) {
    const char *path = getenv("FAIL_CONTROL");
    int file = path ? open(path, O_RDWR) : -1;
    if (file < 0)
        return;
    control = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    close(file);
    under = control == MAP_FAILED ? NULL : getenv("FAIL_UNDER");
}

static int fails(int kind, const char *path) {
    if (!under || !path || strncmp(path, under, strlen(under)))
        return 0;
    int number = __atomic_add_fetch(&control->counts[kind], 1, __ATOMIC_SEQ_CST);
    if (control->kind != kind || control->at != number)
        return 0;
    errno = control->error;
    return 1;
}

static int fails_on(int kind, int file) {
    char link[32], path[PATH_MAX];
    if (!under)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = 0;
    return fails(kind, path);
}

#define REAL(result, name, ...) ((result(*)(__VA_ARGS__))dlsym(RTLD_NEXT, #name))
#define ON_FILE(kind, result, name, parameters, arguments, ...) \
    result name parameters { \
        return fails_on(kind, file) ? -1 : REAL(result, name, __VA_ARGS__) arguments; \
    }

ON_FILE(WRITE, ssize_t, write, (int file, const void *from, size_t size), (file, from, size),
        int, const void *, size_t)
ON_FILE(WRITE, ssize_t, pwrite64, (int file, const void *from, size_t size, off64_t at),
        (file, from, size, at), int, const void *, size_t, off64_t)
ON_FILE(WRITE, ssize_t, writev, (int file, const struct iovec *from, int count),
        (file, from, count), int, const struct iovec *, int)
ON_FILE(WRITE, int, ftruncate64, (int file, off64_t size), (file, size), int, off64_t)
ON_FILE(WRITE, ssize_t, sendfile64, (int file, int from, off64_t *at, size_t size),
        (file, from, at, size), int, int, off64_t *, size_t)
ON_FILE(FSYNC, int, fsync, (int file), (file), int)
ON_FILE(FSYNC, int, fdatasync, (int file), (file), int)
ON_FILE(LOCK, int, flock, (int file, int how), (file, how), int, int)

int rename(const char *from, const char *to) {
    return fails(RENAME, to) ? -1 : REAL(int, rename, const char *, const char *)(from, to);
}

/* The mode is passed on whether it was given or not: only O_CREAT looks at it. */
#define OPEN_PATH(name) \
    int name(const char *path, int flags, ...) { \
        va_list rest; \
        va_start(rest, flags); \
        int mode = va_arg(rest, int); \
        va_end(rest); \
        return fails(OPEN, path) ? -1 : REAL(int, name, const char *, int, ...)(path, flags, mode); \
    }
#define OPEN_STREAM(name) \
    FILE *name(const char *path, const char *mode) { \
        return fails(OPEN, path) ? NULL : REAL(FILE *, name, const char *, const char *)(path, mode); \
    }

OPEN_PATH(open)
OPEN_PATH(open64)
OPEN_STREAM(fopen)
OPEN_STREAM(fopen64)
