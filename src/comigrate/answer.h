/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * answer.h - two hosts that were torn apart find out who runs the pair: the side that answers
 *
 * dmored's child answers the questions of settle.h. It asks the dmore-pair of the pair, if one
 * lives; where none does and no VM is left, the note alone tells. doc/model.md, The settlement, has
 * the rules; the order of the code is theirs.
 */
#ifndef DMORE_COMIGRATE_ANSWER_H
#define DMORE_COMIGRATE_ANSWER_H

#include "comigrate/link.h"
#include "pair/hostconfig.h"

/* answer_questions() - answer what comes over @link until the other side hangs up; awaits
 * @first: the message that was received already
 */
void answer_questions(const HostConfig *host, Link *link, const LinkMessage *first);

#endif
