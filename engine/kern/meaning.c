/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "engine/kern/meaning.h"
#include <string.h>

static const struct {
	const char *type, *member, *enumerator;
} table[] = {
	{"sb_writers", "frozen", "SB_FREEZE_COMPLETE"},	   /* include/linux/fs.h */
	{"sock_common", "skc_state", "TCP_ESTABLISHED"},   /* include/net/tcp_states.h */
	{"net_device", "reg_state", "NETREG_REGISTERED"},  /* include/linux/netdevice.h */
};

const char *meaning_of(struct session *s, const struct type *in, const char *member, int64_t value)
{
	const char *name = in ? type_name(type_strip(in)) : "";
	const struct type *t;

	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
		if (!strcmp(table[i].member, member) && !strcmp(table[i].type, name) &&
		    err_ok(type_find_enumerator(s->types, table[i].enumerator, NULL, &t)))
			return type_enum_name(t, value);
	return NULL;
}
