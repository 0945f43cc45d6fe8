/* SPDX-License-Identifier: GPL-2.0-or-later */
/* fuzz.c - what the harnesses share */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE ((size_t)4096)

void fuzz_failed(const char *file, int line, const char *condition)
{
    dprintf(STDERR_FILENO, "%s:%d: does not hold: %s\n", file, line, condition);
    abort();
}

void fuzz_quiet(void)
{
    FILE *nowhere = fopen("/dev/null", "w");

    CHECK(nowhere != NULL);
    stderr = nowhere;
}

const uint8_t *fuzz_take(struct fuzz_input *input, size_t size, size_t *taken)
{
    const uint8_t *bytes = input->next;

    *taken = size < input->left ? size : input->left;
    input->next += *taken;
    input->left -= *taken;
    return bytes;
}

static uint32_t number(struct fuzz_input *input, size_t size)
{
    uint32_t value = 0;
    size_t taken = 0;
    const uint8_t *bytes = fuzz_take(input, size, &taken);

    memcpy(&value, bytes, taken);
    return value;
}

uint8_t fuzz_u8(struct fuzz_input *input)
{
    return (uint8_t)number(input, 1);
}

uint16_t fuzz_u16(struct fuzz_input *input)
{
    return (uint16_t)number(input, 2);
}

uint32_t fuzz_u32(struct fuzz_input *input)
{
    return number(input, 4);
}

struct region fuzz_region(int number)
{
    static uint8_t *kept[2];
    struct region region;

    if (kept[number] == NULL) {
        uint8_t *all = mmap(NULL, REGION_MIN_SIZE + 2 * PAGE, PROT_NONE,
                            MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

        CHECK(all != MAP_FAILED);
        CHECK(mprotect(all + PAGE, REGION_MIN_SIZE, PROT_READ | PROT_WRITE) == 0);
        kept[number] = all + PAGE;
    }
    CHECK(madvise(kept[number], REGION_MIN_SIZE, MADV_DONTNEED) == 0);
    CHECK(region_format(kept[number], REGION_MIN_SIZE, NULL, 0) == 0);
    CHECK(region_open(&region, kept[number], REGION_MIN_SIZE) == 0);
    return region;
}
