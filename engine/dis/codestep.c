/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/dis/codestep.h"
#include "engine/dis/flow.h"

static bool is_entry_value(const struct val *v, unsigned reg)
{
	return v->sym == SYM_ENTRY + reg && !v->add && !v->ext;
}

static void describe(const struct state *s, int64_t height, struct code_step *ret)
{
	*ret = (struct code_step){.height = (uint64_t)-height};
	for (unsigned r = 0; r < CODE_REGS; r++)
		if (is_entry_value(&s->reg[r].v, r))
			ret->same |= (uint16_t)(1u << r);
	for (size_t i = 0; i < s->n; i++) {
		const struct slot *k = &s->slot[i];
		unsigned r = k->at.v.sym - SYM_ENTRY;
		if (k->at.v.sym < SYM_ENTRY || r >= CODE_REGS || k->size != 8 || !is_entry_value(&k->at.v, r))
			continue;
		ret->saved |= (uint16_t)(1u << r);
		ret->at[r] = k->off;
	}
}

bool code_step(void *flow, uint64_t pc, bool is_return, struct code_step *ret)
{
	const struct snapshot *s = flow_at(flow, pc, is_return);
	int64_t height;
	bool ok = s->usable && state_height(&s->state, &height) && height <= 0;

	if (ok)
		describe(&s->state, height, ret);
	flow_put(flow, s);
	return ok;
}
