/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * fuzz.h - what the harnesses share: taking an input apart, memory to work on, checking
 *
 * A harness is one file NAME_fuzz.c with the two functions of libFuzzer's interface. It is linked
 * twice: with libFuzzer, which makes up inputs (tests/fuzz/run), and with replay.c, which goes
 * through the inputs that are kept (the unit tests).
 *
 * A harness does not only look for crashes: what has to hold whatever the bytes say is a CHECK().
 */
#ifndef DMORE_TESTS_FUZZ_H
#define DMORE_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "region/region.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* CHECK() - end the program, with the sentence, unless the condition holds */
#define CHECK(condition) ((condition) ? (void)0 : fuzz_failed(__FILE__, __LINE__, #condition))
_Noreturn void fuzz_failed(const char *file, int line, const char *condition);

/* fuzz_quiet() - what is logged by fprintf(stderr) goes nowhere; the sanitizers are still heard */
void fuzz_quiet(void);

/* struct fuzz_input - what is left of an input; behind its end are zeroes */
struct fuzz_input {
    const uint8_t *next;
    size_t left;
};

uint8_t fuzz_u8(struct fuzz_input *input);
uint16_t fuzz_u16(struct fuzz_input *input);
uint32_t fuzz_u32(struct fuzz_input *input);

/* fuzz_take() - the next bytes, at most @size; @taken: how many they are */
const uint8_t *fuzz_take(struct fuzz_input *input, size_t size, size_t *taken);

/* fuzz_region() - a region of the least size, formatted without settings, zeroed otherwise
 * @number: 0 or 1; the one that was asked for under this number before is void
 *
 * The pages before and behind it cannot be touched.
 */
struct region fuzz_region(int number);

#endif
