/* SPDX-License-Identifier: GPL-2.0-or-later */
/* init.c - what domr does as the first process of Domain R, before it can serve */
#include "domr/init.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "domr/log.h"
#include "domr/net.h"

#define KICK_NAME "org.dmore.kick" /* of the virtio-serial port */
#define PORTS "/sys/class/virtio-ports"
#define MODULES "/modules"
#define MEMORY_TYPES "/sys/kernel/debug/x86/pat_memtype_list"
#define HARDWARE_TIMEOUT 30 /* seconds; under a software emulation on a busy host */

static void mount_one(const char *type, const char *place, const char *options)
{
    mkdir(place, 0755);
    if (mount(type, place, type, MS_NOSUID, options) < 0 && errno != EBUSY)
        log_warning("cannot mount %s on %s: %s", type, place, strerror(errno));
}

void init_mounts(void)
{
    int fd;

    mount_one("devtmpfs", "/dev", NULL);
    fd = open("/dev/console", O_RDWR);
    if (fd >= 0) {
        dup2(fd, STDIN_FILENO);
        dup2(fd, STDOUT_FILENO);
        dup2(fd, STDERR_FILENO);
        if (fd > STDERR_FILENO)
            close(fd);
    }
    mount_one("proc", "/proc", NULL);
    mount_one("sysfs", "/sys", NULL);
    mount_one("debugfs", "/sys/kernel/debug", NULL);
    mount_one("tmpfs", "/run", "mode=755,size=1m");
    mount_one("tmpfs", "/tmp", "mode=700,size=1m");
}

/* Read a small file of the kernel's as a text without its last newline. */
static int read_text(const char *path, char *text, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t length;

    if (fd < 0)
        return -errno;
    length = read(fd, text, size - 1);
    if (length < 0)
        length = 0;
    close(fd);
    text[length] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return 0;
}

static int find_region(uint64_t *address, uint64_t *size)
{
    static const char key[] = "dmore.region=";
    char line[4096];
    const char *value;
    char *end;

    if (read_text("/proc/cmdline", line, sizeof(line)) < 0 || !(value = strstr(line, key))) {
        log_error("the kernel's command line has no dmore.region=ADDRESS,SIZE");
        return -ENOENT;
    }
    *address = strtoull(value + strlen(key), &end, 0);
    if (*end == ',')
        *size = strtoull(end + 1, &end, 0);
    if ((*end != ' ' && *end != '\0') || *size < REGION_MIN_SIZE || *size > REGION_MAX_SIZE) {
        log_error("cannot understand %.60s on the kernel's command line", value);
        return -EINVAL;
    }
    return 0;
}

/* How the processor caches the mapping that begins at @address: the kernel keeps a list.
 * Return: region_status.write_back. */
static uint32_t memory_type(uint64_t address)
{
    FILE *list = fopen(MEMORY_TYPES, "re");
    char line[256];
    char start[32];
    uint32_t type = 0;

    if (!list)
        return 0;
    snprintf(start, sizeof(start), "%llx-", (unsigned long long)address);
    while (type == 0 && fgets(line, sizeof(line), list)) {
        if (strstr(line, start))
            type = strstr(line, "write-back") ? 1 : 2;
    }
    fclose(list);
    return type;
}

int init_region(struct region *region)
{
    uint64_t address = 0;
    uint64_t size = 0;
    int status = find_region(&address, &size);
    uint32_t type;
    void *base;
    int fd;

    if (status < 0)
        return status;
    /* O_SYNC would make the mapping uncached. */
    fd = open("/dev/mem", O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        log_error("cannot open /dev/mem: %s", strerror(errno));
        return -EIO;
    }
    base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)address);
    close(fd);
    if (base == MAP_FAILED) {
        log_error("cannot map %llu bytes of memory at 0x%llx: %s", (unsigned long long)size,
                  (unsigned long long)address, strerror(errno));
        return -EIO;
    }
    status = region_open(region, base, size);
    if (status < 0) {
        log_error("there is no region that domr %s can use at 0x%llx: %s", DMORE_VERSION,
                  (unsigned long long)address, strerror(-status));
        return status;
    }
    type = memory_type(address);
    atomic_store(&region_status(region)->write_back, type);
    if (type != 1)
        log_warning("the region is %s", type == 2 ? "not mapped write-back; the screen will be slow"
                                                  : "mapped in a way that cannot be told");
    return 0;
}

static int load_module(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int status = 0;

    if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST)) {
        status = -errno;
        log_error("cannot load the kernel module %s: %s", path, strerror(errno));
    }
    if (fd >= 0)
        close(fd);
    return status;
}

/* An image whose kernel has all built in needs no list. */
static int load_modules(void)
{
    FILE *list = fopen(MODULES, "re");
    char path[256];
    int status = 0;

    while (list && status == 0 && fgets(path, sizeof(path), list)) {
        path[strcspn(path, "\n")] = '\0';
        if (*path)
            status = load_module(path);
    }
    if (list)
        fclose(list);
    return status;
}

static bool find_port(char *kick)
{
    DIR *ports = opendir(PORTS);
    const struct dirent *entry;
    char path[sizeof(PORTS) + sizeof(entry->d_name) + sizeof("/name")];
    char name[64];
    bool found = false;

    while (ports && !found && (entry = readdir(ports))) {
        snprintf(path, sizeof(path), PORTS "/%s/name", entry->d_name);
        found = read_text(path, name, sizeof(name)) == 0 && strcmp(name, KICK_NAME) == 0;
        if (found)
            found = snprintf(kick, INIT_KICK_SIZE, "/dev/%s", entry->d_name) < INIT_KICK_SIZE;
    }
    if (ports)
        closedir(ports);
    return found && access(kick, F_OK) == 0;
}

static bool hardware_there(char *kick)
{
    return if_nametoindex(NET_INTERFACE) != 0 && find_port(kick);
}

/* A socket on which the kernel tells of devices that come */
static int open_uevents(void)
{
    struct sockaddr_nl address = {.nl_family = AF_NETLINK, .nl_groups = 1};
    int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_KOBJECT_UEVENT);

    if (fd < 0)
        return -errno;
    if (bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        close(fd);
        return -errno;
    }
    return fd;
}

static int await_hardware(int uevents, char *kick)
{
    struct pollfd entry = {.fd = uevents, .events = POLLIN};
    struct timespec now;
    time_t end;
    char event[4096];

    clock_gettime(CLOCK_MONOTONIC, &now);
    end = now.tv_sec + HARDWARE_TIMEOUT;
    while (!hardware_there(kick)) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        if (now.tv_sec >= end) {
            log_error("no %s has come; the hypervisor has to give Domain R one",
                      if_nametoindex(NET_INTERFACE) ? "virtio-serial port named " KICK_NAME
                                                    : "network interface " NET_INTERFACE);
            return -ENODEV;
        }
        poll(&entry, 1, (int)(end - now.tv_sec) * 1000);
        while (recv(uevents, event, sizeof(event), 0) > 0)
            ; /* what has come does not matter; look again */
    }
    return 0;
}

int init_hardware(char *kick)
{
    int uevents = open_uevents(); /* before the modules, so that nothing is missed */
    int status;

    if (uevents < 0) {
        log_error("cannot listen to the kernel's events: %s", strerror(-uevents));
        return uevents;
    }
    status = load_modules();
    if (status == 0)
        status = await_hardware(uevents, kick);
    close(uevents);
    return status;
}

void init_power_off(void)
{
    sync();
    reboot(RB_POWER_OFF);
    _exit(1);
}
