/* The clocks of any process that calls libc for them, set wrong by a page while it runs:
 *
 *   HARNESS_CLOCK=PAGE LD_PRELOAD=clock_shim.so PROGRAM ...
 *
 * The words of the page are in harness/node/clock.py. Without a page, and until one is written, all is as
 * it was. The wall clock jumps and drifts; the monotonic one drifts with it if HARNESS_CLOCK_MONOTONIC=1.
 * Waits that end at a time of day, or of the monotonic clock, end when the process' own clock says so.
 * Waits of a length (poll, nanosleep ...) are as long as the host says. Not for programs that ask the
 * kernel themselves, as Go's and static ones do.
 *
 * Neither malloc nor dlsym where the time is asked for: allocators ask for it before they can be called.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { VERSION, SINCE, WALL, MONOTONIC, PPM, STROBE, PERIOD, TOLD = 8, TOLD_AT, TOLD_WALL, TOLD_MONOTONIC };
enum { PAGE_BYTES = 128, TRIES = 1000 };
static const int64_t SECOND = 1000000000, MILLION = 1000000, READ_WITHIN = 20000;
/* A time of day is later than this, in s, and no machine has been up for so long. */
static const int64_t TIMES_OF_DAY = 1000000000;

static volatile int64_t *page;
static int reports, drifts_monotonic;

typedef struct { int64_t word[7]; } settings;
typedef struct { int64_t wall, monotonic; } ahead;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("HARNESS_CLOCK");
    struct stat is;
    int file;
    if (path == NULL) return;
    reports = (file = open(path, O_RDWR | O_CLOEXEC)) >= 0;
    if (!reports && (file = open(path, O_RDONLY | O_CLOEXEC)) < 0) return;
    if (fstat(file, &is) == 0 && is.st_size >= PAGE_BYTES) {
        void *at = mmap(NULL, PAGE_BYTES, PROT_READ | (reports ? PROT_WRITE : 0), MAP_SHARED, file, 0);
        if (at != MAP_FAILED) page = at;
    }
    close(file);
    const char *both = getenv("HARNESS_CLOCK_MONOTONIC");
    drifts_monotonic = both != NULL && *both == '1';
}

static int64_t host_ns(clockid_t clock) {
    struct timespec is;
    syscall(SYS_clock_gettime, clock, &is);
    return is.tv_sec * SECOND + is.tv_nsec;
}

static struct timespec spec_of(int64_t ns) {
    struct timespec is = {ns / SECOND, ns % SECOND};
    return is;
}

static settings told(void) {
    settings now = {{0}};
    for (int try = 0; page != NULL && try < TRIES; try++) {
        int64_t version = __atomic_load_n(&page[VERSION], __ATOMIC_ACQUIRE);
        for (int word = 0; word <= PERIOD; word++) now.word[word] = page[word];
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (version % 2 == 0 && page[VERSION] == version) break;
    }
    return now;
}

static ahead ahead_of(const settings *now, int64_t at) {
    const int64_t *is = now->word;
    int64_t passed = at - is[SINCE];
    int64_t gained = (int64_t)((__int128)passed * is[PPM] / MILLION);
    int strobed = is[PERIOD] > 0 && passed / is[PERIOD] % 2 == 0;
    ahead by = {is[WALL] + gained + (strobed ? is[STROBE] : 0), drifts_monotonic ? is[MONOTONIC] + gained : 0};
    return by;
}

/* Only one thread at a time writes down what it told; the others need not. */
static void report(int64_t at, int64_t wall, int64_t monotonic) {
    int64_t version = page[TOLD];
    if (version % 2 || !__atomic_compare_exchange_n(&page[TOLD], &version, version + 1, 0, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) return;
    page[TOLD_AT] = at;
    page[TOLD_WALL] = wall;
    page[TOLD_MONOTONIC] = monotonic;
    __atomic_store_n(&page[TOLD], version + 2, __ATOMIC_RELEASE);
}

static int is_wall(clockid_t clock) { return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE; }

static int is_monotonic(clockid_t clock) {
    return clock == CLOCK_MONOTONIC || clock == CLOCK_MONOTONIC_COARSE || clock == CLOCK_MONOTONIC_RAW || clock == CLOCK_BOOTTIME;
}

int clock_gettime(clockid_t clock, struct timespec *is) {
    int64_t before = page == NULL || page[VERSION] == 0 ? 0 : host_ns(CLOCK_MONOTONIC);
    long status = syscall(SYS_clock_gettime, clock, is);
    if (status != 0 || page == NULL || page[VERSION] == 0 || !(is_wall(clock) || is_monotonic(clock))) return (int)status;
    settings now = told();
    int64_t at = host_ns(CLOCK_MONOTONIC), ns = is->tv_sec * SECOND + is->tv_nsec;
    ahead by = ahead_of(&now, at);
    ns += is_wall(clock) ? by.wall : by.monotonic;
    /* Else something came between, and the two times are not of one moment. */
    int at_once = before != 0 && at - before < READ_WITHIN;
    if (reports && at_once && clock == CLOCK_REALTIME) report(at, ns, at + by.monotonic);
    *is = spec_of(ns);
    return 0;
}

int gettimeofday(struct timeval *restrict is, void *restrict zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    is->tv_sec = now.tv_sec;
    is->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *is) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (is != NULL) *is = now.tv_sec;
    return now.tv_sec;
}

int timespec_get(struct timespec *is, int base) {
    return base == TIME_UTC && clock_gettime(CLOCK_REALTIME, is) == 0 ? base : 0;
}

/* When a wait until `end`, by the process' clock, is over by the host's. */
static struct timespec host_end(clockid_t clock, const struct timespec *end) {
    if (page == NULL || page[VERSION] == 0 || !(is_wall(clock) || is_monotonic(clock))) return *end;
    settings now = told();
    ahead by = ahead_of(&now, host_ns(CLOCK_MONOTONIC));
    int64_t host = host_ns(clock), own = host + (is_wall(clock) ? by.wall : by.monotonic);
    int64_t left = end->tv_sec * SECOND + end->tv_nsec - own;
    int64_t ppm = is_wall(clock) || drifts_monotonic ? now.word[PPM] : 0;
    left = (int64_t)((__int128)left * MILLION / (MILLION + ppm));
    return spec_of(host + left > 0 ? host + left : 0);
}

static clockid_t clock_of(const struct timespec *end) {
    return end->tv_sec > TIMES_OF_DAY ? CLOCK_REALTIME : CLOCK_MONOTONIC;
}

static void *next(const char *name, const char *version) {
    void *found = version == NULL ? NULL : dlvsym(RTLD_NEXT, name, version);
    return found != NULL ? found : dlsym(RTLD_NEXT, name);
}

int pthread_cond_timedwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex, const struct timespec *restrict end) {
    static int (*real)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    struct timespec at = host_end(clock_of(end), end);
    if (real == NULL) real = next("pthread_cond_timedwait", "GLIBC_2.3.2");
    return real(cond, mutex, &at);
}

int pthread_cond_clockwait(pthread_cond_t *restrict cond, pthread_mutex_t *restrict mutex, clockid_t clock, const struct timespec *restrict end) {
    static int (*real)(pthread_cond_t *, pthread_mutex_t *, clockid_t, const struct timespec *);
    struct timespec at = host_end(clock, end);
    if (real == NULL) real = next("pthread_cond_clockwait", NULL);
    return real(cond, mutex, clock, &at);
}

int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict end) {
    static int (*real)(sem_t *, const struct timespec *);
    struct timespec at = host_end(CLOCK_REALTIME, end);
    if (real == NULL) real = next("sem_timedwait", NULL);
    return real(semaphore, &at);
}

int sem_clockwait(sem_t *restrict semaphore, clockid_t clock, const struct timespec *restrict end) {
    static int (*real)(sem_t *, clockid_t, const struct timespec *);
    struct timespec at = host_end(clock, end);
    if (real == NULL) real = next("sem_clockwait", NULL);
    return real(semaphore, clock, &at);
}

int clock_nanosleep(clockid_t clock, int flags, const struct timespec *end, struct timespec *rest) {
    struct timespec at = flags & TIMER_ABSTIME ? host_end(clock, end) : *end;
    return syscall(SYS_clock_nanosleep, clock, flags, &at, rest) == 0 ? 0 : errno;
}
