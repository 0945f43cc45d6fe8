/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * region.h - the memory that Domain R and its host share
 *
 * The region is one piece of memory that a host owns and that Domain R sees as an nvdimm. All that
 * the two say to each other goes through it; the only other thing between them is the kick, a byte
 * on a virtio-serial port that means "look at the region".
 *
 *	offset		what				who writes it
 *	0x00000000	header				host, before Domain R starts
 *	0x00001000	status of Domain R		Domain R
 *	0x00002000	notice: the user VM's state	host
 *	0x00010000	settings (records)		host, before Domain R starts
 *	0x00040000	stream 0: two rings		each ring: one producer, one consumer
 *	0x00080000	stream 1: two rings
 *	0x00100000	screen: geometry, damage	host; Domain R takes damage
 *	0x00140000	cursor				host
 *	0x00200000	pixels				host
 *
 * Every number is in the byte order of the machine: both sides run on the same processor.
 *
 * Trust: Domain R can write anywhere in the region at any time. The host never believes what it
 * reads there: the layout is constant for a version, a side keeps its own ring index in private
 * memory, and an index of the other side is checked each time it is read (ring.h).
 *
 * doc/region.md is the specification of this format.
 */
#ifndef DMORE_REGION_REGION_H
#define DMORE_REGION_REGION_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REGION_MAGIC "DMORERGN"
#define REGION_VERSION 1 /* what this source writes */
#define REGION_COMPATIBLE                                                                          \
    1 /* the least version a reader must know to read what this source writes */

#define REGION_STATUS_OFFSET 0x1000u
#define REGION_NOTICE_OFFSET 0x2000u
#define REGION_SETTINGS_OFFSET 0x10000u
#define REGION_SETTINGS_CAPACITY 0x30000u
#define REGION_STREAM_OFFSET 0x40000u
#define REGION_STREAM_SIZE 0x40000u
#define REGION_SCREEN_OFFSET 0x100000u
#define REGION_CURSOR_OFFSET 0x140000u
#define REGION_PIXELS_OFFSET 0x200000u

#define REGION_DEFAULT_SIZE                                                                        \
    0x4000000u /* 64 MB: screens up to 5120x2880; only touched pages cost memory */
#define REGION_MIN_SIZE 0x400000u
#define REGION_MAX_SIZE 0x40000000u

/* The streams of a pair. The number is the stream's place in the region and its name in the
 * handover; it never changes its meaning. */
enum region_stream_id {
    REGION_STREAM_KEYBOARD = 0,
    REGION_STREAM_POINTER = 1,
    REGION_STREAMS = 2,
};

struct region_header {
    uint8_t magic[8];
    uint32_t version;
    uint32_t compatible;
    uint64_t size;          /* of the whole region, in bytes */
    uint32_t settings_size; /* bytes of records at REGION_SETTINGS_OFFSET */
    uint32_t reserved;
};

/* What Domain R says of itself. */
enum region_state {
    REGION_STATE_NONE = 0, /* nothing has run in Domain R yet */
    REGION_STATE_STARTING = 1,
    REGION_STATE_READY = 2,  /* the console can be connected to */
    REGION_STATE_FAILED = 3, /* message says why */
};

#define REGION_ADDRESS_SIZE 128
#define REGION_MESSAGE_SIZE 512

struct region_status {
    _Atomic uint32_t state;      /* enum region_state */
    _Atomic uint32_t heartbeat;  /* goes up at least once a second while domr's main loop runs */
    _Atomic uint32_t clients;    /* VNC clients connected and authenticated */
    _Atomic uint32_t leds;       /* bit 0 Num, 1 Caps, 2 Scroll Lock: the last the guest has set */
    _Atomic uint32_t write_back; /* 1 mapped write-back, 2 mapped in another way, 0 not known */
    char address[REGION_ADDRESS_SIZE]; /* the addresses the console listens on, with DHCP also the
                                          lease */
    char message[REGION_MESSAGE_SIZE]; /* NUL-terminated; for state FAILED the reason */
    struct {
        _Atomic uint32_t begin; /* index in the ring to the user VM */
        _Atomic uint32_t generation;
    } streams[REGION_STREAMS]; /* where each stream has begun anew; the generation written last */
    _Atomic uint32_t memory_free; /* KiB that Domain R could still use; 0 not known */
};

/* What the host says of the user VM; the console shows it in its desktop name. */
enum region_user_vm {
    REGION_USER_VM_RUNNING = 0,
    REGION_USER_VM_PAUSED = 1,
    REGION_USER_VM_OFF = 2,
    REGION_USER_VM_CRASHED = 3,
};

struct region_notice {
    _Atomic uint32_t user_vm;                     /* enum region_user_vm */
    _Atomic uint32_t generations[REGION_STREAMS]; /* how often the host has begun a stream anew */
};

/*
 * A stream that begins anew
 *
 * When the user VM gets another device at its end of a stream, what was under way between the two
 * old ends means nothing to the new ones. The host counts the stream's generation in the notice up
 * and moves nothing of the stream any more. Domain R drops what is in the ring to it, begins its
 * device anew, says in its status at which index of the ring to the user VM the new stream begins,
 * and then that it is in that generation. The host drops what is before that index, and the stream
 * goes on. Indices are never set back, so each side keeps its own (ring.h).
 */

/* struct region - one side's view of a mapped region; all pointers point into the mapping. */
struct region {
    uint8_t *base;
    size_t size;
};

/* region_format() - write a fresh header and settings into zeroed memory; the host's first step
 * @base: the mapping, @size bytes, page-aligned
 * @settings: records (record.h, settings.h) for Domain R, @settings_size bytes
 *
 * Return: 0, or -EINVAL when @size is out of bounds or not a multiple of a page, or -ENOSPC when
 * the settings do not fit. On failure the memory is unchanged.
 */
int region_format(void *base, size_t size, const void *settings, size_t settings_size);

/* region_open() - look at formatted memory
 * @region: filled in on success only
 * @base: the mapping, @size bytes
 *
 * Return: 0; -EPROTO when there is no region there; -ENOTSUP when its version cannot be read;
 * -EINVAL when sizes contradict each other.
 */
int region_open(struct region *region, void *base, size_t size);

/* region_settings() - where the settings are
 * @size: set to their size in bytes, never more than REGION_SETTINGS_CAPACITY
 */
const void *region_settings(const struct region *region, size_t *size);

struct region_status *region_status(const struct region *region);
struct region_notice *region_notice(const struct region *region);

#endif
